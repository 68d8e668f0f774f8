// First instruction to first C++ function, for the hart that boots and for those it starts.

.section .head, "ax"
.globl antler_start
antler_start:
    j     boot_hart                     // the header of a RISC-V Linux Image: every loader that boots Linux boots us
    .word 0
    .dword 0x200000                     // text_offset: where loaders put us above the start of RAM
    .dword __image_end - __image_start  // image_size, .bss included
    .dword 0                            // flags: little-endian
    .word 2                             // header version 0.2
    .word 0
    .dword 0
    .ascii "RISCV\0\0\0"
    .ascii "RSC\x05"
    .word 0

// a0: hart id, a1: the board's device tree.
boot_hart:
    rdtime s2
    csrw  sie, zero
    csrw  satp, zero
    mv    s0, a0
    mv    s1, a1
    lla   t0, parked
    csrw  stvec, t0
    csrw  sscratch, zero

    // Linked at zero, so the image's own address is what every relative relocation lacks.
    lla   t0, __rela_start
    lla   t1, __rela_end
    lla   t2, __image_start
    li    t6, 3                         // R_RISCV_RELATIVE
1:  bgeu  t0, t1, 2f
    ld    t3, 0(t0)
    ld    t4, 8(t0)
    ld    t5, 16(t0)
    bne   t4, t6, parked
    add   t3, t3, t2
    add   t5, t5, t2
    sd    t5, 0(t3)
    addi  t0, t0, 24
    j     1b

2:  lla   t0, __bss_start
    lla   t1, __bss_end
3:  bgeu  t0, t1, 4f
    sd    zero, 0(t0)
    sd    zero, 8(t0)
    addi  t0, t0, 16
    j     3b

4:  lla   sp, boot_stack_top
    lla   tp, antler_boot_hart_block
    mv    a0, s0
    mv    a1, s1
    mv    a2, s2
    mv    s0, zero                      // the frame pointer: the backtrace ends here
    call  antler_boot

    .balign 4
parked:
    wfi
    j     parked

// A hart started by HSM.  a0: hart id, a1: its SecondaryStart.   [sbi ext-hsm]
.globl antler_secondary_start
antler_secondary_start:
    csrw  sie, zero
    csrw  sscratch, zero
    lla   t0, antler_trap
    csrw  stvec, t0
    ld    t0, 0(a1)
    ld    sp, 8(a1)
    ld    tp, 16(a1)
    sfence.vma
    csrw  satp, t0                      // as in hart/house_entry.hpp
    mv    a0, tp
    mv    s0, zero
    mv    ra, zero
    call  antler_secondary
    j     parked

.section .bss.boot_stack, "aw", @nobits
    .balign 16
    .space 16384
boot_stack_top:
