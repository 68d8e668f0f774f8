// The interrupts and exceptions that guests take without us.
#pragma once

#include "hart/csr.hpp"

namespace antler::hart {

// What is left comes here: calls, guest-page faults, virtual instructions, errors of the hardware, and access
// faults: firmware takes those first and may try the access again.  QEMU 10.0.2 ignores what M-mode writes to
// mstatus.MPV. So where that try traps too, firmware that wants to enter a guest's handler enters HS-mode, at
// the guest's address and with the guest's registers; what it hands to us comes here. [norm:H_trap_deleg]
// [norm:hedeleg_op] [norm:hideleg_op]
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
