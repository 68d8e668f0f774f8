// Reads the machine's state for the control channel, and passes on what it asks.
#include "boot/operations.hpp"

#include <algorithm>

#include "base/panic.hpp"
#include "boot/control.hpp"
#include "boot/lives.hpp"
#include "boot/memory.hpp"
#include "boot/streams.hpp"
#include "boot/system.hpp"
#include "hart/csr.hpp"

namespace antler::boot {

using control::Outcome;
using device::virtio::HostStreams;
using device::virtio::StreamState;
namespace wire = abi::control;

namespace {

constexpr std::string_view version = "antler 0.2.0";

u64 since_start(System const& all) {
    return all.board.timebase.nanos({hart::time() - all.started_at}).n;
}

// Read while its hart may change it: a glance.
wire::VcpuState state_of(vm::Vcpu const& vcpu) {
    switch (vcpu.place) {
        case vm::Vcpu::Place::nowhere: return wire::VcpuState::off;
        case vm::Vcpu::Place::queued:
        case vm::Vcpu::Place::throttled: return wire::VcpuState::queued;
        case vm::Vcpu::Place::running: return wire::VcpuState::running;
        case vm::Vcpu::Place::blocked: return wire::VcpuState::waiting;
        case vm::Vcpu::Place::held: return wire::VcpuState::suspended;
    }
    return wire::VcpuState::off;
}

wire::AfterEnd after(vm::Afterwards what) {
    switch (what) {
        case vm::Afterwards::destroy: return wire::AfterEnd::destroy;
        case vm::Afterwards::restart: return wire::AfterEnd::restart;
        case vm::Afterwards::preserve: return wire::AfterEnd::preserve;
    }
    return wire::AfterEnd::destroy;
}

constexpr u32 most_weight = 65'536;

u64 all_harts(System const& all) {
    return all.core_count == max_harts ? ~u64{0} : (u64{1} << all.core_count) - 1;
}

// Ticks; that hart may begin or end to wait meanwhile.
u64 idle_time(vm::Core const& core, u64 now) {
    auto const since = core.idle_since.load(std::memory_order_relaxed);
    auto const before = core.idle_ticks.load(std::memory_order_relaxed);
    return since != 0 && since < now ? before + now - since : before;
}

}  // namespace

wire::Welcome Operations::welcome() {
    if (instance_ == 0) {
        std::array<u8, sizeof instance_> drawn{};
        (void)all_.entropy.with([&](auto& pool) { return pool.draw(drawn); });
        __builtin_memcpy(&instance_, drawn.data(), sizeof instance_);
        if (instance_ == 0) instance_ = all_.started_at | 1;
    }
    return {.instance = instance_, .version = version};
}

wire::HostInfo Operations::host() {
    auto const totals = all_.frames.totals();
    auto const free = totals.free_house_bytes + totals.free_guest_bytes;
    u64 guest = 0;
    for (u32 id = 0; id < all_.vms.size(); ++id)
        if (auto* const vm = running_vm(all_, id); vm != nullptr)
            guest += all_.frames.accounting(vm->ram().space().owner()).guest_bytes;
    auto const* const hart = all_.board.hart(all_.cores[0]->id);
    return {.harts = all_.core_count,
            .vms = all_.vm_count,
            .memory = totals.ram_bytes,
            .house_used = totals.ram_bytes - free - guest,
            .house_free = totals.free_house_bytes,
            .guest_used = guest,
            .guest_free = totals.free_guest_bytes,
            .uptime = since_start(all_),
            .wall_clock = (all_.wall_clock_at_zero + all_.board.timebase.nanos({hart::time()})).n,
            .timebase = all_.board.timebase.hertz,
            .version = version,
            .firmware = all_.firmware.name(),
            .isa = hart != nullptr ? hart->isa_string : std::string_view{}};
}

bool Operations::hart(u32 index, wire::HartInfo& into) {
    if (index >= all_.core_count) return false;
    auto const& core = *all_.cores[index];
    u32 vcpus = 0;
    // That hart's own list may change while we look; the VMs do not.
    for (auto id = boot::next_vm(all_, 0); id; id = boot::next_vm(all_, *id + 1)) {
        auto* const vm = running_vm(all_, *id);
        for (u32 i = 0; vm != nullptr && i < vm->vcpu_count(); ++i)
            vcpus += vm->vcpu(i)->home == &core ? 1 : 0;
    }
    auto const beat = core.heartbeat.load(std::memory_order_relaxed);
    auto const now = hart::time();
    auto const lived = now - all_.started_at;
    auto const idle = std::min(idle_time(core, now), lived);
    into = {.index = index,
            .id = core.id,
            .busy = all_.board.timebase.nanos({lived - idle}).n,
            .idle = all_.board.timebase.nanos({idle}).n,
            .vcpus = vcpus,
            .interrupts = core.interrupts.served(),
            .calls = core.interrupts.calls(),
            .polls = core.polls.load(std::memory_order_relaxed)};
    if (beat != 0 && beat < now) into.heartbeat = all_.board.timebase.nanos({now - beat}).n;
    if (auto const* const running = core.current; running != nullptr) into.running = running->vm.name();
    return true;
}

bool Operations::iommu(u32 index, wire::IommuInfo& into) {
    if (!all_.iommus) return false;
    return describe_iommu(*all_.iommus, index, into);
}

std::optional<u32> Operations::find_vm(std::string_view name) {
    return boot::find_vm(all_, name);
}

std::optional<u32> Operations::vm_from(u32 id) {
    return boot::next_vm(all_, id);
}

bool Operations::vm(u32 id, wire::VmInfo& into) {
    into = {};
    if (!boot::fill_vm_info(all_, id, into)) return false;
    auto* const vm = running_vm(all_, id);
    if (vm == nullptr) return true;  // it is off, and there is no more to say
    auto const use = all_.frames.accounting(vm->ram().space().owner());
    auto const& policies = vm->policies();
    wire::VmStatistics so_far;
    if (statistics(id, so_far)) into.run_time = so_far.run_time;
    into.state = vm->state();
    into.memory_present = use.guest_bytes;
    into.overhead = use.house_bytes - into.pack;
    into.consoles = static_cast<u16>(vm->consoles().size());
    into.on_poweroff = after(policies.on_poweroff);
    into.on_reboot = after(policies.on_reboot);
    into.on_crash = after(policies.on_crash);
    into.weight = vm->weight();
    into.cap = vm->cap();
    return true;
}

bool Operations::vcpu(u32 id, u32 index, wire::VcpuInfo& into) {
    auto* const vm = running_vm(all_, id);
    auto const* const vcpu = vm != nullptr ? vm->vcpu(index) : nullptr;
    if (vcpu == nullptr) return false;
    into = {.index = index,
            .state = state_of(*vcpu),
            .hart = vcpu->home->index,
            .affinity = vcpu->affinity.load(std::memory_order_relaxed) & all_harts(all_),
            .dedicated = static_cast<u8>(vm->is_dedicated()),
            .pc = vcpu->pc};
    return true;
}

bool Operations::statistics(u32 id, wire::VmStatistics& into) {
    auto* const vm = running_vm(all_, id);
    if (vm == nullptr) return false;
    auto const use = all_.frames.accounting(vm->ram().space().owner());
    into = {.taken_at = since_start(all_),
            .memory = vm->description().memory_bytes,
            .memory_present = use.guest_bytes,
            .overhead = use.house_bytes - all_.lots[id].pack_pages.size};
    for (u32 i = 0; i < vm->vcpu_count(); ++i) {
        wire::VcpuStatistics one;
        if (!vcpu_statistics(id, i, one)) continue;
        into.run_time += one.run_time;
        into.steal_time += one.steal_time;
        into.wait_time += one.wait_time;
    }
    return true;
}

bool Operations::vcpu_statistics(u32 id, u32 index, wire::VcpuStatistics& into) {
    auto* const vm = running_vm(all_, id);
    auto const* const vcpu = vm != nullptr ? vm->vcpu(index) : nullptr;
    if (vcpu == nullptr) return false;
    auto const nanos = [&](u64 ticks) { return all_.board.timebase.nanos({ticks}).n; };
    auto const now = hart::time();
    auto const times = vcpu->home->times_of(*vcpu, now);
    into = {.index = index,
            .run_time = nanos(times.run),
            .steal_time = nanos(times.stolen),
            .migrations = times.migrations};
    auto const lived = now - vm->started_at();
    auto const busy = times.run + times.stolen;
    into.wait_time = nanos(lived > busy ? lived - busy : 0);
    static_assert(static_cast<usize>(vm::ExitKind::count) <= wire::exit_names.size());
    for (usize i = 0; i < vcpu->exits.size(); ++i) into.exits[i] = vcpu->exits[i];
    return true;
}

bool Operations::counter(u32 id, u32 index, wire::DeviceCounter& into) {
    auto* const vm = running_vm(all_, id);
    if (vm == nullptr) return false;
    u32 at = 0;
    vm->machine().counters([&](std::string_view device, std::string_view counter, u64 value) {
        if (at++ != index) return;
        counter_device_.clear();
        counter_device_.write(device);
        into = {counter_device_.view(), counter, value};
    });
    return index < at;
}

Outcome Operations::act(wire::Type what, u32 id) {
    constexpr std::string_view why = "an operator asked for it";
    backend::Event gone{.type = wire::Type::event_vm_state, .id = id, .now = wire::VmState::undefined};
    gone.sentence.write(why);
    if (what == wire::Type::undefine && id < all_.lots.size()) gone.name.write(all_.lots[id].name);
    auto const outcome = boot::act(all_, what, id);
    if (!outcome.again) tell_state(all_, id, why);
    if (what == wire::Type::undefine && outcome.status == wire::Status::ok) boot::tell(all_, gone);
    return outcome;
}

Outcome Operations::pin(u32 id, u32 index, u64 harts) {
    auto* const vm = running_vm(all_, id);
    if (vm == nullptr) return {wire::Status::bad_state, "it is off"};
    bool const every = index == wire::every_vcpu;
    auto* const vcpu = vm->vcpu(every ? 0 : index);
    if (vcpu == nullptr) return {wire::Status::not_found, "there is no such vCPU"};
    if ((harts & all_harts(all_)) == 0) return {wire::Status::invalid, "the board has none of these harts"};
    if (!every) vm->pin(*vcpu, harts);
    for (u32 id = 0; every && id < vm->description().vcpus; ++id) vm->pin(*vm->vcpu(id), harts);
    return {};
}

Outcome Operations::share(u32 id, u32 weight, u32 cap) {
    auto* const vm = running_vm(all_, id);
    if (vm == nullptr) return {wire::Status::bad_state, "it is off"};
    if (weight == 0) weight = vm->weight();
    if (cap == ~u32{0}) cap = vm->cap();
    if (weight > most_weight) return {wire::Status::invalid, "a weight is from 1 to 65536"};
    constexpr u32 percent = 100;
    if (cap > percent) return {wire::Status::invalid, "a cap is a percentage of one hart"};
    vm->set_share(weight, cap);
    return {};
}

Outcome Operations::set_memory(u32 id, u64 bytes) {
    return boot::set_memory(all_, id, bytes);
}

Outcome Operations::set_link(u32 id, u32 card, bool up) {
    auto* const vm = running_vm(all_, id);
    if (vm == nullptr) return {wire::Status::bad_state, "it is off"};
    if (!vm->machine().set_cable(card, up)) return {wire::Status::not_found, "it has no such network card"};
    return {};
}

Outcome Operations::create_begin(u64 bytes) {
    return boot::create_begin(all_, bytes);
}

Outcome Operations::create_data(u64 offset, std::span<u8 const> bytes) {
    return boot::create_data(all_, offset, bytes);
}

Outcome Operations::create_commit(bool start, u32& id) {
    auto const outcome = boot::create_commit(all_, start, id);
    if (!outcome.again && outcome.status == wire::Status::ok) tell_state(all_, id, "created");
    return outcome;
}

void Operations::create_abort() {
    boot::create_abort(all_);
}

void Operations::tell(backend::Event const& event) {
    boot::tell(all_, event);
}

void Operations::input_waits(u32 handle) {
    boot::input_waits(handle);
}

Outcome Operations::resize_console(u32 handle, u32 bytes) {
    return boot::resize_console(all_, handle, bytes);
}

void Operations::window_changed(u32 handle) {
    boot::window_changed(handle);
}

Outcome Operations::call_guest(u32 id, u32 port, control::StreamPlace& into) {
    return boot::call_guest(all_, id, port, into);
}

std::optional<control::Caller> Operations::take_call(control::PortSet const& ports) {
    return boot::take_call(all_, ports);
}

StreamState Operations::stream_state(control::StreamPlace at) {
    return with_streams(all_, at.vm, StreamState{}, [&](HostStreams& all) { return all.state(at.stream); });
}

void Operations::accept_stream(control::StreamPlace at) {
    with_streams(all_, at.vm, [&](HostStreams& all) { all.accept(at.stream); });
}

u32 Operations::read_stream(control::StreamPlace at, std::span<u8> into) {
    return with_streams(all_, at.vm, 0u, [&](HostStreams& all) { return all.read(at.stream, into); });
}

u32 Operations::write_stream(control::StreamPlace at, std::span<u8 const> bytes) {
    return with_streams(all_, at.vm, 0u, [&](HostStreams& all) { return all.write(at.stream, bytes); });
}

void Operations::finish_stream(control::StreamPlace at) {
    with_streams(all_, at.vm, [&](HostStreams& all) { all.finish(at.stream); });
}

void Operations::close_stream(control::StreamPlace at, bool at_once) {
    with_streams(all_, at.vm, [&](HostStreams& all) { all.close(at.stream, at_once); });
}

std::string_view Operations::panic_dump() {
    return all_.dump.left();
}

void Operations::erase_panic_dump() {
    all_.dump.erase();
}

Outcome Operations::stall(u32 hart, Nanos duration) {
    if (hart >= all_.core_count) return {wire::Status::not_found, "the board has no such hart"};
    if (duration > Nanos{u64{wire::most_stall} * 1'000'000})
        return {wire::Status::invalid, "that is longer than a hart may be made to stand still"};
    all_.cores[hart]->stall.store(all_.board.timebase.ticks(duration).n);
    all_.cores[hart]->ask_farewell();
    return {};
}

void Operations::panic() {
    antler::panic("somebody asked for it");
}

}  // namespace antler::boot
