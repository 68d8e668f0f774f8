// Calls into the firmware, with the legacy ones where nothing better is there.
#include "platform/firmware.hpp"

#include "hart/fence.hpp"
#include "hart/firmware_call.hpp"

namespace antler::platform {
namespace {

using namespace abi::sbi;

template <class Function>
hart::FirmwareAnswer call(Eid extension, Function function, u64 a = 0, u64 b = 0, u64 c = 0) {
    return hart::firmware_call(static_cast<u64>(extension), static_cast<u64>(function), a, b, c);
}

bool has(Eid extension) {
    auto const answer = call(Eid::base, BaseFid::probe_extension, static_cast<u64>(extension));
    return answer.error == 0 && answer.value != 0;
}

}  // namespace

Firmware Firmware::probe() {
    Firmware found;
    auto const version = call(Eid::base, BaseFid::get_spec_version);
    if (version.error != 0) return found;  // version 0.1 has the legacy calls and no base extension
    found.version_ = SpecVersion::of(version.value);
    found.implementation_ = call(Eid::base, BaseFid::get_impl_id).value;
    found.time_ = has(Eid::time);
    found.ipi_ = has(Eid::ipi);
    found.hart_state_ = has(Eid::hart_state);
    found.system_reset_ = has(Eid::system_reset);
    found.debug_console_ = has(Eid::debug_console);
    found.events_ = has(Eid::supervisor_events);
    return found;
}

Result<void> Firmware::start_hart(u64 hart_id, u64 entry, u64 opaque) const {
    auto const answer = call(Eid::hart_state, HartStateFid::hart_start, hart_id, entry, opaque);
    if (answer.error != 0) return Err{Error::io};
    return {};
}

void Firmware::send_ipi(u64 hart_id) const {
    if (ipi_) {
        (void)call(Eid::ipi, IpiFid::send_ipi, 1, hart_id);
        return;
    }
    // The legacy call takes the address of a mask.   [sbi ext-legacy]
    u64 const mask = u64{1} << (hart_id & 63);
    (void)call(Eid::legacy_send_ipi, 0, reinterpret_cast<u64>(&mask));
}

void Firmware::set_timer(u64 when) const {
    if (time_) {
        (void)call(Eid::time, TimeFid::set_timer, when);
    } else {
        (void)call(Eid::legacy_set_timer, 0, when);
    }
}

void Firmware::fence_instructions(u64 hart_id) const {
    (void)call(Eid::rfence, RfenceFid::remote_fence_i, 1, hart_id);
}

bool Firmware::take_events(u64 entry, u64 argument) const {
    using Fid = SupervisorEventsFid;
    if (!events_) return false;
    if (call(Eid::supervisor_events, Fid::register_event, local_software_event, entry, argument).error != 0)
        return false;
    if (call(Eid::supervisor_events, Fid::enable, local_software_event).error != 0) return false;
    // Some were never masked, and say so.   [sbi ext-sse]
    (void)call(Eid::supervisor_events, Fid::hart_unmask);
    return true;
}

bool Firmware::raise_event(u64 hart_id) const {
    return call(Eid::supervisor_events, SupervisorEventsFid::inject, local_software_event, hart_id).error ==
           0;
}

usize Firmware::console_write(std::span<char const> text) const {
    if (debug_console_) {
        auto const answer = call(Eid::debug_console, DebugConsoleFid::console_write, text.size(),
                                 reinterpret_cast<u64>(text.data()));
        return answer.error == 0 ? answer.value : text.size();
    }
    for (char const c : text) (void)call(Eid::legacy_console_putchar, 0, static_cast<u8>(c));
    return text.size();
}

usize Firmware::console_read(std::span<char> into) const {
    if (debug_console_) {
        auto const answer = call(Eid::debug_console, DebugConsoleFid::console_read, into.size(),
                                 reinterpret_cast<u64>(into.data()));
        return answer.error == 0 ? answer.value : 0;
    }
    usize read = 0;
    for (; read < into.size(); ++read) {
        auto const answer = call(Eid::legacy_console_getchar, 0);
        if (answer.error < 0) break;
        into[read] = static_cast<char>(answer.error);
    }
    return read;
}

void Firmware::reset(ResetType type, ResetReason reason) const {
    if (system_reset_)
        (void)call(Eid::system_reset, SystemResetFid::system_reset, static_cast<u64>(type),
                   static_cast<u64>(reason));
    if (type == ResetType::shutdown) (void)call(Eid::legacy_shutdown, 0);
    for (;;) hart::wait_for_interrupt();
}

u64 Firmware::machine_id(BaseFid which) const {
    return call(Eid::base, which).value;
}

}  // namespace antler::platform
