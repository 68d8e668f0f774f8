// The first instructions of a guest, on its first hart and on those it starts later.
#include "guests/lib/offsets.hpp"

.section .text.start, "ax"
// a0 = hart id, a1 = device tree.
.globl _start
_start:
    la t0, guest_bss_start
    la t1, guest_bss_end
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    la sp, guest_boot_stack_end
    call guest_start
2:  wfi
    j 2b

// a0 = hart id, a1 = its block, as hart_start passed it.
.text
.globl guest_hart_entry
guest_hart_entry:
    mv tp, a1
    ld sp, GUEST_HART_STACK(a1)
    call guest_hart_start
3:  wfi
    j 3b

.bss
.balign 16
    .skip 65536
guest_boot_stack_end:
