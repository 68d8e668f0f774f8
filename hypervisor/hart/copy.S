// Copies through a window, where a fault ends the copy instead of the hypervisor.
#include "hart/offsets.hpp"

.section .text.copy, "ax"

// u64 antler_copy_guarded(void* to, void const* from, u64 bytes): how many bytes were left when it faulted; zero: all done.
.globl antler_copy_guarded
antler_copy_guarded:
    la    t0, 9f
    sd    t0, ANTLER_HART_FIXUP(tp)
    xor   t1, a0, a1
    andi  t1, t1, 7
    bnez  t1, 7f                            // never aligned to each other: bytes
    li    t2, 16
    bltu  a2, t2, 7f
    andi  t1, a0, 7
    beqz  t1, 4f
    andi  t1, a0, 1
    beqz  t1, 1f
    lb    a3, 0(a1)
    sb    a3, 0(a0)
    addi  a0, a0, 1
    addi  a1, a1, 1
    addi  a2, a2, -1
1:  andi  t1, a0, 2
    beqz  t1, 2f
    lh    a3, 0(a1)
    sh    a3, 0(a0)
    addi  a0, a0, 2
    addi  a1, a1, 2
    addi  a2, a2, -2
2:  andi  t1, a0, 4
    beqz  t1, 4f
    lw    a3, 0(a1)
    sw    a3, 0(a0)
    addi  a0, a0, 4
    addi  a1, a1, 4
    addi  a2, a2, -4
4:  li    t2, 64
    bltu  a2, t2, 5f
3:  ld    a3, 0(a1)
    ld    a4, 8(a1)
    ld    a5, 16(a1)
    ld    a6, 24(a1)
    ld    a7, 32(a1)
    ld    t3, 40(a1)
    ld    t4, 48(a1)
    ld    t5, 56(a1)
    sd    a3, 0(a0)
    sd    a4, 8(a0)
    sd    a5, 16(a0)
    sd    a6, 24(a0)
    sd    a7, 32(a0)
    sd    t3, 40(a0)
    sd    t4, 48(a0)
    sd    t5, 56(a0)
    addi  a0, a0, 64
    addi  a1, a1, 64
    addi  a2, a2, -64
    bgeu  a2, t2, 3b
5:  andi  t1, a2, -8
    beqz  t1, 8f
6:  ld    a3, 0(a1)
    sd    a3, 0(a0)
    addi  a0, a0, 8
    addi  a1, a1, 8
    addi  a2, a2, -8
    addi  t1, t1, -8
    bnez  t1, 6b
8:  andi  t1, a2, 4                         // both are aligned to eight here
    beqz  t1, 1f
    lw    a3, 0(a1)
    sw    a3, 0(a0)
    addi  a0, a0, 4
    addi  a1, a1, 4
    addi  a2, a2, -4
1:  andi  t1, a2, 2
    beqz  t1, 7f
    lh    a3, 0(a1)
    sh    a3, 0(a0)
    addi  a0, a0, 2
    addi  a1, a1, 2
    addi  a2, a2, -2
7:  beqz  a2, 9f
    lb    a3, 0(a1)
    sb    a3, 0(a0)
    addi  a0, a0, 1
    addi  a1, a1, 1
    addi  a2, a2, -1
    j     7b
9:  sd    zero, ANTLER_HART_FIXUP(tp)
    mv    a0, a2
    ret

// u64 antler_copy_guarded_by_vector(void* to, void const* from, u64 bytes, void* room): the same for any alignment.  What
// eight of the registers hold is kept in `room`, and all else that was in the unit comes back too.
.globl antler_copy_guarded_by_vector
antler_copy_guarded_by_vector:
    .option push
    .option arch, +v
    li    t4, 0x600                         // sstatus.VS; the guest's own is in its registers
    csrs  sstatus, t4
    csrr  t0, vstart
    csrr  t1, vtype
    csrr  t2, vl
    csrw  vstart, zero
    vs8r.v v24, (a3)
    la    t3, 2f
    sd    t3, ANTLER_HART_FIXUP(tp)
1:  vsetvli t3, a2, e8, m8, ta, ma
    vle8.v v24, (a1)
    add   a1, a1, t3
    vse8.v v24, (a0)
    add   a0, a0, t3
    sub   a2, a2, t3
    bnez  a2, 1b
2:  sd    zero, ANTLER_HART_FIXUP(tp)
    csrw  vstart, zero
    vl8re8.v v24, (a3)
    vsetvl zero, t2, t1
    csrw  vstart, t0
    mv    a0, a2
    ret
    .option pop

// u64 antler_compare_exchange_guarded(u64* at, u64 expected, u64 wanted): 0 stored, 1 it held something else, 2 it faulted.
.globl antler_compare_exchange_guarded
antler_compare_exchange_guarded:
    la    t0, 8f
    sd    t0, ANTLER_HART_FIXUP(tp)
1:  lr.d.aqrl t1, (a0)
    bne   t1, a1, 7f
    sc.d.aqrl t2, a2, (a0)
    bnez  t2, 1b
    sd    zero, ANTLER_HART_FIXUP(tp)
    li    a0, 0
    ret
7:  sd    zero, ANTLER_HART_FIXUP(tp)
    li    a0, 1
    ret
8:  sd    zero, ANTLER_HART_FIXUP(tp)
    li    a0, 2
    ret
