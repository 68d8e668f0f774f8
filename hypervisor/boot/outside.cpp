// What virtual machines and base/ ask of the board, answered on the machine.
#include "vm/outside.hpp"

#include <algorithm>

#include "base/locked.hpp"
#include "base/panic.hpp"
#include "boot/control.hpp"
#include "boot/drivers.hpp"
#include "boot/report.hpp"
#include "boot/system.hpp"
#include "hart/csr.hpp"
#include "hart/fence.hpp"
#include "platform/mmio.hpp"

namespace antler {

u32& held_ranks() {
    return hart::this_hart().held_ranks;
}

namespace boot {

// The longest that an interrupt waited on any hart.
void tell_longest_closed(System const& all) {
    if (all.options.log != control::Options::Log::debug) return;
    u64 longest = 0;
    for (u32 i = 0; i < all.core_count; ++i) longest = std::max(longest, all.cores[i]->longest_closed);
    say("antler: interrupts_off {} ticks\n", longest);
}

void end_machine(System& all, bool failed) {
    // A hart that panicked may hold the lock, and has said all already.
    if (!all.panicking) all.console.with([&](Console& console) { console.flush(all.backlog); });
    // Firmware that powers off through syscon forgets the reason, and OpenSBI 1.6 complains of each hart's
    // event.  So QEMU's board is told first, and given the time to end before the firmware tells it
    // otherwise.
    constexpr u32 finisher_fail = 0x3333;
    constexpr u32 finisher_pass = 0x5555;
    if (all.board.test_finisher) {
        platform::mmio_write<u32>(all.board.test_finisher->start, failed ? finisher_fail : finisher_pass);
        auto const end = hart::time() + all.board.timebase.ticks(Nanos{500'000'000}).n;
        while (hart::time() < end) {
        }
    }
    using namespace abi::sbi;
    all.firmware.reset(ResetType::shutdown, failed ? ResetReason::system_failure : ResetReason::none);
}

}  // namespace boot

namespace vm {

using boot::system;

void send_ipi(u32 hart_index) {
    auto& all = system();
    auto const& core = *all.cores[hart_index];
    if (auto const* const file = core.interrupts.file()) return file->call();
    all.firmware.send_ipi(core.id);
}

void set_host_timer(Ticks when) {
    if (system().features.sstc) return hart::csr::stimecmp::write_raw(when.n);
    system().firmware.set_timer(when.n);
}

Nanos wall_clock() {
    auto const& all = system();
    return all.wall_clock_at_zero + all.board.timebase.nanos({hart::time()});
}

void announce(Vm const& vm, std::string_view text) {
    boot::say("antler: {}: {}\n", vm.name(), text);
    auto& all = system();
    for (u32 id = 0; id < all.vms.size(); ++id)
        if (all.vms[id] == &vm) boot::tell_state(all, id, text);
}

void machine_went_away(Vm const& vm) {
    auto& all = system();
    if (vm.has_crashed()) all.any_crashed.store(true);
    if (vm.machine().has_streams()) all.streams_have_news.store(true);  // they are over
    // Its memory is given back by the boot hart.
    all.cores[0]->ask_background();
    if (all.vms_alive.fetch_sub(1) != 1) return;
    if (vm.is_unplugged()) return;  // whoever did that may want to go on
    boot::tell_longest_closed(all);
    boot::end_machine(all, all.any_crashed.load());
}

bool random_bytes(std::span<u8> into) {
    return system().entropy.with([&](auto& pool) { return pool.draw(into); });
}

bool serve_external_interrupt() {
    return boot::serve_board_interrupt(system());
}

}  // namespace vm
}  // namespace antler
