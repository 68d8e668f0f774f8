// Says hello and powers off: the least that a guest can do.
#include "guests/lib/guest.hpp"

void antler::guests::run() {
    auto const& whole = guest();
    say("hello from hart {} of {}, {} MiB at {:x}", this_hart().id, whole.hart_count, whole.ram.size >> 20,
        whole.ram.start.raw());
    check("the first hart was told its own number", this_hart().id == whole.boot_hart);
    check("paging is off at the start", csr::satp::read() == 0);
    check("interrupts are off at the start", (csr::sstatus::read() & sstatus_bit::sie) == 0);
    check("the device tree is aligned to 8 bytes", whole.device_tree % 8 == 0);
    check("the clock runs", within(1000, [start = now()] { return now() != start; }));
}
