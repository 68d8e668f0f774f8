// Where harts arrive with nothing but a0 and a1: they note what they find and stop.

.text
.globl smp_raw_entry
smp_raw_entry:
.globl smp_resume_entry
smp_resume_entry:
    sd a0, 0(a1)
    sd a1, 8(a1)
    csrr t0, satp
    sd t0, 16(a1)
    csrr t0, sstatus
    sd t0, 24(a1)
    csrr t0, sie
    sd t0, 32(a1)
    fence rw, rw
    addi t1, a1, 40
    li t0, 1
    amoadd.d zero, t0, (t1)
    li a6, 1
    li a7, 0x48534d
    ecall
1:  j 1b
