// Every integer register but those that count, and those that a trap of the guest's own needs, holds its canary.

.text
// u64 victim_hold(u64 seed, u64 rounds): x[n] = seed + n, looked at so many times, then once more behind a wait for an
// interrupt; how many looks found one changed.
.globl victim_hold
victim_hold:
    addi sp, sp, -128
    sd ra, 0(sp)
    sd gp, 8(sp)
    sd s0, 16(sp)
    sd s1, 24(sp)
    sd s2, 32(sp)
    sd s3, 40(sp)
    sd s4, 48(sp)
    sd s5, 56(sp)
    sd s6, 64(sp)
    sd s7, 72(sp)
    sd s8, 80(sp)
    sd s9, 88(sp)
    sd s10, 96(sp)
    sd s11, 104(sp)
    li a2, 0                    // looks that found one changed
    li a4, 1                    // waits that are left
    .irp r, 3,5,6,7,8,9,13,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    addi x\r, a0, \r
    .endr
1:  .irp r, 3,5,6,7,8,9,13,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    addi ra, a0, \r
    bne ra, x\r, 2f
    .endr
3:  addi a1, a1, -1
    bnez a1, 1b
    beqz a4, 4f
    li a4, 0
    li a1, 1
    wfi
    j 1b
4:  mv a0, a2
    ld ra, 0(sp)
    ld gp, 8(sp)
    ld s0, 16(sp)
    ld s1, 24(sp)
    ld s2, 32(sp)
    ld s3, 40(sp)
    ld s4, 48(sp)
    ld s5, 56(sp)
    ld s6, 64(sp)
    ld s7, 72(sp)
    ld s8, 80(sp)
    ld s9, 88(sp)
    ld s10, 96(sp)
    ld s11, 104(sp)
    addi sp, sp, 128
    ret
2:  addi a2, a2, 1
    j 3b
