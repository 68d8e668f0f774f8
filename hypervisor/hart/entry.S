// Trap entry and world exit: saves and restores registers; every decision is in C++.
#include "hart/offsets.hpp"

.section .text.entry, "ax"

// t1 to t3, and a0 to a5, to or from the guest's registers in tp.
.macro temporaries move
    \move  t1, ANTLER_GUEST_X(6)(tp)
    \move  t2, ANTLER_GUEST_X(7)(tp)
    \move  t3, ANTLER_GUEST_X(28)(tp)
.endm
.macro arguments move
    \move  a0, ANTLER_GUEST_X(10)(tp)
    \move  a1, ANTLER_GUEST_X(11)(tp)
    \move  a2, ANTLER_GUEST_X(12)(tp)
    \move  a3, ANTLER_GUEST_X(13)(tp)
    \move  a4, ANTLER_GUEST_X(14)(tp)
    \move  a5, ANTLER_GUEST_X(15)(tp)
.endm

// All traps come here.  sscratch: GuestRegisters while a guest runs, zero while the hypervisor runs.
.balign 64
.globl antler_trap
antler_trap:
    csrrw tp, sscratch, tp
    beqz  tp, from_hypervisor

    // The ecall lane: t0-t3 and ra are all that it may use besides a0 and a1.
    sd    t0, ANTLER_GUEST_X(5)(tp)
    csrr  t0, scause
    addi  t0, t0, -10                       // environment call from VS-mode [norm:H_cause_ecall]
    bnez  t0, not_a_call
    temporaries sd
    sd    ra, ANTLER_GUEST_X(1)(tp)
    jal   antler_ecall_lane                 // t0: not zero when it answered, in a0 and a1
    beqz  t0, unanswered_call
    csrr  t0, sepc
    addi  t0, t0, 4
    csrw  sepc, t0
    temporaries ld
    ld    ra, ANTLER_GUEST_X(1)(tp)
    ld    t0, ANTLER_GUEST_X(5)(tp)
    csrrw tp, sscratch, tp
    sret

    // The device lane: ANTLER_LANE_REGISTERS are what it may use, and what it may load.
not_a_call:
    addi  t0, t0, 10 - 21                   // load guest-page fault [norm:H_guest_page_fault]
    bnez  t0, full_exit
    sd    ra, ANTLER_GUEST_X(1)(tp)
    temporaries sd
    arguments sd
    jal   antler_device_lane                // a0: the length of the instruction that it answered, or zero
    beqz  a0, unanswered_load
    csrr  t0, sepc
    add   t0, t0, a0
    csrw  sepc, t0
    ld    ra, ANTLER_GUEST_X(1)(tp)
    ld    t0, ANTLER_GUEST_X(5)(tp)
    temporaries ld
    arguments ld
    csrrw tp, sscratch, tp
    sret

    // Each label has saved what the one above it has, and more.
full_exit:
    sd    ra, ANTLER_GUEST_X(1)(tp)
    temporaries sd
unanswered_call:
    arguments sd
unanswered_load:
    sd    sp, ANTLER_GUEST_X(2)(tp)
    sd    gp, ANTLER_GUEST_X(3)(tp)
    sd    s0, ANTLER_GUEST_X(8)(tp)
    sd    s1, ANTLER_GUEST_X(9)(tp)
    sd    a6, ANTLER_GUEST_X(16)(tp)
    sd    a7, ANTLER_GUEST_X(17)(tp)
    sd    s2, ANTLER_GUEST_X(18)(tp)
    sd    s3, ANTLER_GUEST_X(19)(tp)
    sd    s4, ANTLER_GUEST_X(20)(tp)
    sd    s5, ANTLER_GUEST_X(21)(tp)
    sd    s6, ANTLER_GUEST_X(22)(tp)
    sd    s7, ANTLER_GUEST_X(23)(tp)
    sd    s8, ANTLER_GUEST_X(24)(tp)
    sd    s9, ANTLER_GUEST_X(25)(tp)
    sd    s10, ANTLER_GUEST_X(26)(tp)
    sd    s11, ANTLER_GUEST_X(27)(tp)
    sd    t4, ANTLER_GUEST_X(29)(tp)
    sd    t5, ANTLER_GUEST_X(30)(tp)
    sd    t6, ANTLER_GUEST_X(31)(tp)
    csrrw t0, sscratch, zero
    csrr  t1, sepc
    csrr  t2, sstatus
    csrr  t3, 0x600                         // hstatus
    sd    t0, ANTLER_GUEST_X(4)(tp)
    sd    t1, ANTLER_GUEST_PC(tp)
    sd    t2, ANTLER_GUEST_SSTATUS(tp)
    sd    t3, ANTLER_GUEST_HSTATUS(tp)
    mv    a0, tp
    ld    sp, ANTLER_GUEST_STACK(tp)
    ld    tp, ANTLER_GUEST_HART(tp)
    jal   antler_guest_exit                 // returns the registers of the vCPU to run

// [[noreturn]] void antler_enter_guest(GuestRegisters*)
.globl antler_enter_guest
antler_enter_guest:
    ld    t0, ANTLER_GUEST_PC(a0)
    ld    t1, ANTLER_GUEST_SSTATUS(a0)
    ld    t2, ANTLER_GUEST_HSTATUS(a0)
    csrw  sepc, t0
    csrw  sstatus, t1
    csrw  0x600, t2                         // hstatus: SPV decides that sret enters the guest [norm:hstatus_spv_op]
    csrw  sscratch, a0
    ld    ra, ANTLER_GUEST_X(1)(a0)
    ld    sp, ANTLER_GUEST_X(2)(a0)
    ld    gp, ANTLER_GUEST_X(3)(a0)
    ld    tp, ANTLER_GUEST_X(4)(a0)
    ld    t0, ANTLER_GUEST_X(5)(a0)
    ld    t1, ANTLER_GUEST_X(6)(a0)
    ld    t2, ANTLER_GUEST_X(7)(a0)
    ld    s0, ANTLER_GUEST_X(8)(a0)
    ld    s1, ANTLER_GUEST_X(9)(a0)
    ld    a1, ANTLER_GUEST_X(11)(a0)
    ld    a2, ANTLER_GUEST_X(12)(a0)
    ld    a3, ANTLER_GUEST_X(13)(a0)
    ld    a4, ANTLER_GUEST_X(14)(a0)
    ld    a5, ANTLER_GUEST_X(15)(a0)
    ld    a6, ANTLER_GUEST_X(16)(a0)
    ld    a7, ANTLER_GUEST_X(17)(a0)
    ld    s2, ANTLER_GUEST_X(18)(a0)
    ld    s3, ANTLER_GUEST_X(19)(a0)
    ld    s4, ANTLER_GUEST_X(20)(a0)
    ld    s5, ANTLER_GUEST_X(21)(a0)
    ld    s6, ANTLER_GUEST_X(22)(a0)
    ld    s7, ANTLER_GUEST_X(23)(a0)
    ld    s8, ANTLER_GUEST_X(24)(a0)
    ld    s9, ANTLER_GUEST_X(25)(a0)
    ld    s10, ANTLER_GUEST_X(26)(a0)
    ld    s11, ANTLER_GUEST_X(27)(a0)
    ld    t3, ANTLER_GUEST_X(28)(a0)
    ld    t4, ANTLER_GUEST_X(29)(a0)
    ld    t5, ANTLER_GUEST_X(30)(a0)
    ld    t6, ANTLER_GUEST_X(31)(a0)
    ld    a0, ANTLER_GUEST_X(10)(a0)
    sret

// A trap while the hypervisor ran: an access to guest memory that takes its fixup, or our own bug.
// It is handled on a stack of its own, so that an overflow of the hart's stack can be reported.
from_hypervisor:
    csrrw tp, sscratch, tp
    sd    sp, ANTLER_HART_SAVED_SP(tp)
    ld    sp, ANTLER_HART_FAULT_STACK(tp)
    addi  sp, sp, -ANTLER_FAULT_FRAME_BYTES
    sd    ra, ANTLER_GUEST_X(1)(sp)
    sd    gp, ANTLER_GUEST_X(3)(sp)
    sd    tp, ANTLER_GUEST_X(4)(sp)
    sd    t0, ANTLER_GUEST_X(5)(sp)
    sd    t1, ANTLER_GUEST_X(6)(sp)
    sd    t2, ANTLER_GUEST_X(7)(sp)
    sd    s0, ANTLER_GUEST_X(8)(sp)
    sd    s1, ANTLER_GUEST_X(9)(sp)
    sd    a0, ANTLER_GUEST_X(10)(sp)
    sd    a1, ANTLER_GUEST_X(11)(sp)
    sd    a2, ANTLER_GUEST_X(12)(sp)
    sd    a3, ANTLER_GUEST_X(13)(sp)
    sd    a4, ANTLER_GUEST_X(14)(sp)
    sd    a5, ANTLER_GUEST_X(15)(sp)
    sd    a6, ANTLER_GUEST_X(16)(sp)
    sd    a7, ANTLER_GUEST_X(17)(sp)
    sd    s2, ANTLER_GUEST_X(18)(sp)
    sd    s3, ANTLER_GUEST_X(19)(sp)
    sd    s4, ANTLER_GUEST_X(20)(sp)
    sd    s5, ANTLER_GUEST_X(21)(sp)
    sd    s6, ANTLER_GUEST_X(22)(sp)
    sd    s7, ANTLER_GUEST_X(23)(sp)
    sd    s8, ANTLER_GUEST_X(24)(sp)
    sd    s9, ANTLER_GUEST_X(25)(sp)
    sd    s10, ANTLER_GUEST_X(26)(sp)
    sd    s11, ANTLER_GUEST_X(27)(sp)
    sd    t3, ANTLER_GUEST_X(28)(sp)
    sd    t4, ANTLER_GUEST_X(29)(sp)
    sd    t5, ANTLER_GUEST_X(30)(sp)
    sd    t6, ANTLER_GUEST_X(31)(sp)
    ld    t0, ANTLER_HART_SAVED_SP(tp)
    csrr  t1, sepc
    sd    t0, ANTLER_GUEST_X(2)(sp)
    sd    t1, ANTLER_FAULT_PC(sp)
    mv    a0, sp
    call  antler_hypervisor_fault           // returns only after it has put the fixup into the frame's pc
    ld    t1, ANTLER_FAULT_PC(sp)
    csrw  sepc, t1
    ld    ra, ANTLER_GUEST_X(1)(sp)
    ld    t0, ANTLER_GUEST_X(5)(sp)
    ld    t1, ANTLER_GUEST_X(6)(sp)
    ld    t2, ANTLER_GUEST_X(7)(sp)
    ld    a0, ANTLER_GUEST_X(10)(sp)
    ld    a1, ANTLER_GUEST_X(11)(sp)
    ld    a2, ANTLER_GUEST_X(12)(sp)
    ld    a3, ANTLER_GUEST_X(13)(sp)
    ld    a4, ANTLER_GUEST_X(14)(sp)
    ld    a5, ANTLER_GUEST_X(15)(sp)
    ld    a6, ANTLER_GUEST_X(16)(sp)
    ld    a7, ANTLER_GUEST_X(17)(sp)
    ld    t3, ANTLER_GUEST_X(28)(sp)
    ld    t4, ANTLER_GUEST_X(29)(sp)
    ld    t5, ANTLER_GUEST_X(30)(sp)
    ld    t6, ANTLER_GUEST_X(31)(sp)
    ld    sp, ANTLER_HART_SAVED_SP(tp)
    sret

// [[noreturn]] void antler_run_on_stack(void* argument, u64 stack_top, void (*entry)(void*), Hart* tp)
.globl antler_run_on_stack
antler_run_on_stack:
    mv    sp, a1
    mv    tp, a3
    mv    s0, zero                          // the backtrace ends here
    mv    ra, zero
    jr    a2
