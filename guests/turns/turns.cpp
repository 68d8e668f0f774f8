// Waits with an interrupt pending, so that it can always run again: where two of them share a hart, each wait
// is a switch of worlds.
#include "guests/lib/device_tree.hpp"
#include "guests/lib/guest.hpp"

namespace antler::guests {

void run() {
    constexpr u64 turns = 4000;
    bool const floats = told("floats");
    constexpr u64 fs_initial = u64{1} << 13;
    if (floats) csr::sstatus::set(fs_initial);
    // Pending and enabled, but not taken.
    (void)sbi::send_ipi(1, this_hart().id);
    csr::sie::write(irq::bit(irq::software));
    for (u64 turn = 0; turn < turns; ++turn) {
        // Makes the floating-point registers dirty.
        if (floats)
            asm volatile(".option push\n.option arch, +f, +d\nfmv.d.x ft0, %0\n.option pop" ::"r"(turn));
        asm volatile("wfi");
    }
    say("turns: done");
}

}  // namespace antler::guests
