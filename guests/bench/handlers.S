// The shortest trap handlers there are, and the code of the second hart.

.text
// Each counts in t5, so that the code below can wait until it ran; t6 is theirs.
.balign 4
.globl bench_software_handler
bench_software_handler:
    csrci sip, 2
    addi t5, t5, 1
    sret

.balign 4
.globl bench_timer_handler
bench_timer_handler:
    li t6, -1
    csrw 0x14d, t6          // stimecmp
    addi t5, t5, 1
    sret

// For a hart without Sstc, where stimecmp is not there to be written.
.balign 4
.globl bench_masking_handler
bench_masking_handler:
    li t6, 0x20
    csrc sie, t6
    addi t5, t5, 1
    sret

// A hart that sends one IPI to the hart in a1, and stops when it gets one.  Under -icount a hart runs until it
// waits: what it did behind the IPI would count as if the other one had waited for it.
.balign 4
.globl bench_answer_once
bench_answer_once:
    li a0, 1
    li a6, 0
    li a7, 0x735049
    ecall
    csrwi sie, 2
1:  wfi
    csrr t0, sip
    andi t0, t0, 2
    beqz t0, 1b
    csrci sip, 2
    li a6, 1
    li a7, 0x48534d
    ecall
2:  j 2b

// A hart that answers every IPI of the hart in a1 with one of its own.
.balign 4
.globl bench_answer_always
bench_answer_always:
    mv s1, a1
    csrw sie, 2
1:  wfi
    csrr t0, sip
    andi t0, t0, 2
    beqz t0, 1b
    csrci sip, 2
    li a0, 1
    mv a1, s1
    li a6, 0
    li a7, 0x735049
    ecall
    j 1b

// A hart that answers every message of identity 1 by one to the page in a1, and stops at any other.
.balign 4
.globl bench_answer_messages
bench_answer_messages:
    mv s1, a1
    li s2, 1
    li t0, 0x70             // eidelivery
    csrw 0x150, t0          // siselect
    csrw 0x151, s2          // sireg
    li t0, 0xc0             // eie0
    csrw 0x150, t0
    li t1, 6
    csrw 0x151, t1
    li t2, 0x200
    csrw sie, t2
    sw s2, 0(s1)            // it listens
1:  wfi
    csrrw t0, 0x15c, zero   // stopei
    beqz t0, 1b
    srli t0, t0, 16
    bne t0, s2, 2f
    sw s2, 0(s1)
    j 1b
2:  li a6, 1
    li a7, 0x48534d
    ecall
3:  j 3b
