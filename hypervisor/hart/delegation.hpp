// The interrupts and exceptions that guests take without us.
#pragma once

#include "hart/csr.hpp"

namespace antler::hart {

// What is left comes here: calls, guest-page faults, virtual instructions and errors of the hardware.
// [norm:H_trap_deleg] [norm:hedeleg_op] [norm:hideleg_op]
// So do access faults of loads and stores: firmware takes those first and may try the access again.  On QEMU
// 10.0.13, which ignores what M-mode writes to mstatus.MPV, firmware whose try has trapped too would enter
// HS-mode when it wants to enter a guest's handler, with all that is the guest's; what it hands to us comes
// here.
inline void delegate_to_guests() {
    using E = isa::Exception;
    csr::hedeleg::write(isa::Hedeleg::of(E::fetch_misaligned, E::fetch_access, E::illegal_instruction,
                                         E::breakpoint, E::load_misaligned, E::store_misaligned,
                                         E::ecall_from_u, E::fetch_page_fault, E::load_page_fault,
                                         E::store_page_fault, E::software_check));
    using I = isa::Interrupt;
    csr::hideleg::write(isa::Hideleg::of(I::vs_software, I::vs_timer, I::vs_external));
}

}  // namespace antler::hart
