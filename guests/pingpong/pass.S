// One wfi after the other.

// So many rounds as a0 says, each with this change behind its wait.
.macro take_turns change:vararg
1:  wfi
    \change
    addi a0, a0, -1
    bnez a0, 1b
    ret
.endm

.text
// void pingpong(u64 rounds)
.globl pingpong
pingpong:
    take_turns

// The same, and each time a floating-point register is changed.
.option arch, +f, +d
.globl pingpong_with_floats
pingpong_with_floats:
    fmv.d.x f8, a0
    take_turns fmv.d.x f8, a0

// The same with a vector register.
.option arch, +v
.globl pingpong_with_vectors
pingpong_with_vectors:
    vsetivli zero, 1, e64, m1, ta, ma
    vmv.s.x v8, a0
    take_turns vmv.s.x v8, a0
