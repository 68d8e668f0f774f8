// The first hostile guest: every CSR, every H instruction, odd accesses and jumps.  It gets its own
// exceptions, the same as on a hart without H, and nothing else happens.
#include "guests/csrs/csrs.hpp"

#include "guests/lib/device_tree.hpp"

namespace antler::guests {
void run() {
    if (has_extension("h") && !sbi::by_antler()) {
        say("csrs: this hart has H; take one without (QEMU: h=false) to compare with");
        return;
    }
    csr::sie::write(0);
    sbi::set_timer(sbi::never);
    csrs::sweep_registers();
    csrs::run_instructions();
    csrs::access_oddly();
    csrs::jump_oddly();
    csrs::run_storm();
}

}  // namespace antler::guests
