// What a guest does about its traps.
#include "guests/lib/guest.hpp"

namespace antler::guests {
namespace {

[[noreturn]] void report(Hart const& hart, std::string_view why) {
    say("");
    say("{}: hart {} cause {:x} tval {:x} pc {:x} ra {:x} sp {:x} sstatus {:x}", why, hart.id, hart.scause,
        hart.stval, hart.pc, hart.x[1], hart.x[2], hart.sstatus);
    for (usize i = 5; i < 29; i += 4)
        say("  x{} {:x} {:x} {:x} {:x}", i, hart.x[i], hart.x[i + 1], hart.x[i + 2], hart.x[i + 3]);
    give_up(why);
}

// Goes on where guest_try was called, in S-mode, as if it had returned true.
void recover(Hart& hart) {
    auto& trap = *hart.expected;
    trap = {.cause = hart.scause, .tval = hart.stval, .epc = hart.pc, .sstatus = hart.sstatus, .x = hart.x};
    auto const& saved = hart.recovery;
    hart.pc = saved[0];
    hart.x[1] = saved[0];
    hart.x[2] = saved[1];
    hart.x[8] = saved[2];
    hart.x[9] = saved[3];
    for (usize i = 0; i < 10; ++i) hart.x[18 + i] = saved[4 + i];
    hart.x[4] = reinterpret_cast<u64>(&hart);
    hart.x[10] = 1;
    hart.sstatus |= sstatus_bit::spp;
}

}  // namespace

extern "C" void guest_trap(Hart& hart) {
    if (hart.in_trap) report(hart, "a trap in the trap handler");
    hart.in_trap = true;
    if (static_cast<i64>(hart.scause) < 0) {
        auto const& handler = hart.handlers[hart.scause % 16];
        if (handler.run == nullptr) report(hart, "an interrupt that nobody waits for");
        handler.run(hart, handler.argument);
    } else {
        if (hart.expected == nullptr) report(hart, "an exception that nobody expects");
        recover(hart);
    }
    hart.in_trap = false;
}

Trap run_user(UserRegisters const& registers) {
    auto const interrupts = csr::sstatus::read() & sstatus_bit::sie;
    auto const trap = expect_trap([&] { guest_user(&registers.pc); });
    csr::sstatus::set(interrupts);
    if (!trap) give_up("user mode returned");
    return *trap;
}

}  // namespace antler::guests
