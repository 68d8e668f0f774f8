// The handler of the firmware's event that asks a hart where it is: no stack, and no register but a6 and a7, which
// the firmware keeps.
#include "hart/offsets.hpp"

.section .text.whereabouts, "ax"

// a6: the hart's id; a7: its Whereabouts; sepc: where it was interrupted.   [sbi ext-sse]
.balign 4
.globl antler_tell_whereabouts
antler_tell_whereabouts:
    csrr  a6, sepc
    sd    a6, ANTLER_WHERE_PC(a7)
    sd    ra, ANTLER_WHERE_RA(a7)
    // SPV says whether it was in its guest and goes back there, but OpenSBI 1.6 does not clear it here.  SPIE
    // does: a guest runs with SIE set (Vm::reset_registers), and the hypervisor never sets it for itself.
    csrr  a6, sstatus
    andi  a6, a6, 1 << 5
    bnez  a6, 1f
    li    a6, 1 << 7
    csrc  0x600, a6                         // hstatus
1:
    fence w, w
    ld    a6, ANTLER_WHERE_ANSWERS(a7)
    addi  a6, a6, 1
    sd    a6, ANTLER_WHERE_ANSWERS(a7)
    li    a7, 0x535345                      // "SSE"
    li    a6, 6                             // sbi_sse_complete
    ecall                                   // goes on where it was
