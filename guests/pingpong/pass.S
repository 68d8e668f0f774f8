// One wfi after the other.

.text
// void pingpong(u64 rounds)
.globl pingpong
pingpong:
1:  wfi
    addi a0, a0, -1
    bnez a0, 1b
    ret

// The same, and each time a floating-point register is changed.
.option arch, +f, +d
.globl pingpong_with_floats
pingpong_with_floats:
    fmv.d.x f8, a0
1:  wfi
    fmv.d.x f8, a0
    addi a0, a0, -1
    bnez a0, 1b
    ret

// The same with a vector register.
.option arch, +v
.globl pingpong_with_vectors
pingpong_with_vectors:
    vsetivli zero, 1, e64, m1, ta, ma
    vmv.s.x v8, a0
1:  wfi
    vmv.s.x v8, a0
    addi a0, a0, -1
    bnez a0, 1b
    ret
