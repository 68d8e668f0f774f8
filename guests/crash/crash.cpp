// Ends badly, as the command line says: failure (also without a word), jump, handler, syscon.
#include "guests/lib/device_tree.hpp"

namespace antler::guests {

void run() {
    say("crash: about to");
    if (told("jump")) {
        // Nothing is there, and nothing is where the handler should be.
        csr::stvec::write(0x4000);
        asm volatile("jr %0" ::"r"(u64{0x2000}));
    } else if (told("handler")) {
        csr::stvec::write(0xffff'ffff'0000'0000);
        asm volatile(".word 0");
    } else if (told("syscon")) {
        store<u32>(0x10'0000, 0x1'3333);  // the test device's word for failure, with code 1
    } else if (told("hang")) {
        while (true) pause();
    } else {
        sbi::reset(sbi::ResetType::shutdown, sbi::ResetReason::system_failure);
    }
    give_up("still alive");
}

}  // namespace antler::guests
