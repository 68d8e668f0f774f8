// Traps of a guest: every register goes to the hart's block, C++ decides, every register comes back.
#include "guests/lib/offsets.hpp"

.text
// sscratch always holds the hart's block.
.balign 4
.globl guest_trap_entry
guest_trap_entry:
    csrrw t0, sscratch, t0
    sd x1, GUEST_HART_X + 8(t0)
    sd x2, GUEST_HART_X + 16(t0)
    sd x3, GUEST_HART_X + 24(t0)
    sd x4, GUEST_HART_X + 32(t0)
    .irp r, 6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd x\r, GUEST_HART_X + 8 * \r(t0)
    .endr
    csrrw t1, sscratch, t0
    sd t1, GUEST_HART_X + 40(t0)
    csrr t1, sepc
    csrr t2, sstatus
    csrr t3, scause
    csrr t4, stval
    sd t1, GUEST_HART_PC(t0)
    sd t2, GUEST_HART_SSTATUS(t0)
    sd t3, GUEST_HART_SCAUSE(t0)
    sd t4, GUEST_HART_STVAL(t0)
    mv tp, t0
    ld sp, GUEST_HART_TRAP_STACK(t0)
    mv a0, t0
    call guest_trap
    mv t0, tp
    ld t1, GUEST_HART_PC(t0)
    ld t2, GUEST_HART_SSTATUS(t0)
    csrw sepc, t1
    csrw sstatus, t2
    .irp r, 1,2,3,4,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\r, GUEST_HART_X + 8 * \r(t0)
    .endr
    ld t0, GUEST_HART_X + 40(t0)
    sret

// bool guest_try(void (*body)(void*), void* argument): true if it trapped.  The trap comes back as a second
// return from here, with the registers that a call preserves.
.globl guest_try
guest_try:
    sd ra, GUEST_HART_RECOVERY + 0(tp)
    sd sp, GUEST_HART_RECOVERY + 8(tp)
    sd s0, GUEST_HART_RECOVERY + 16(tp)
    sd s1, GUEST_HART_RECOVERY + 24(tp)
    sd s2, GUEST_HART_RECOVERY + 32(tp)
    sd s3, GUEST_HART_RECOVERY + 40(tp)
    sd s4, GUEST_HART_RECOVERY + 48(tp)
    sd s5, GUEST_HART_RECOVERY + 56(tp)
    sd s6, GUEST_HART_RECOVERY + 64(tp)
    sd s7, GUEST_HART_RECOVERY + 72(tp)
    sd s8, GUEST_HART_RECOVERY + 80(tp)
    sd s9, GUEST_HART_RECOVERY + 88(tp)
    sd s10, GUEST_HART_RECOVERY + 96(tp)
    sd s11, GUEST_HART_RECOVERY + 104(tp)
    addi sp, sp, -16
    sd ra, 0(sp)
    mv t0, a0
    mv a0, a1
    jalr t0
    ld ra, 0(sp)
    addi sp, sp, 16
    li a0, 0
    ret

// void guest_user(u64 const* registers): x1 to x31 from there and the pc from slot 0, in U-mode.
.globl guest_user
guest_user:
    ld t0, 0(a0)
    csrw sepc, t0
    li t0, 0x120                // SPP, and SPIE: the trap back leaves interrupts off
    csrc sstatus, t0
    .irp r, 1,2,3,4,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\r, 8 * \r(a0)
    .endr
    ld a0, 80(a0)
    sret
