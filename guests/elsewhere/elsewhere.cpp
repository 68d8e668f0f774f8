// Goes on at the address in the first word of a fixed page, as firmware would that put the hypervisor there.
#include "guests/lib/guest.hpp"

void antler::guests::run() {
    constexpr u64 mailbox = 0x8fff'f000;
    auto const target = load<u64>(mailbox);
    say("elsewhere: going on at {:x}", target);
    auto const next = reinterpret_cast<void (*)(u64 hart, u64 device_tree)>(target);
    asm volatile("fence.i" ::: "memory");
    next(guest().boot_hart, guest().device_tree);
}
