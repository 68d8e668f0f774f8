// Fills and compares the floating-point and vector registers with a pattern that a seed makes.

.text
.option push
.option arch, +f, +d

// void fpv_fill_floats(u64 seed): f[n] = seed + n, and fcsr = seed & 0xff.
.globl fpv_fill_floats
fpv_fill_floats:
    andi t0, a0, 0x7f
    csrw fcsr, t0
    .irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    addi t0, a0, \r
    fmv.d.x f\r, t0
    .endr
    ret

// u64 fpv_wrong_floats(u64 seed): how many differ.
.globl fpv_wrong_floats
fpv_wrong_floats:
    li a1, 0
    andi t0, a0, 0x7f
    csrr t1, fcsr
    xor t1, t1, t0
    snez t1, t1
    add a1, a1, t1
    .irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    addi t0, a0, \r
    fmv.x.d t1, f\r
    xor t1, t1, t0
    snez t1, t1
    add a1, a1, t1
    .endr
    mv a0, a1
    ret

// void fpv_load_float(u64 address), fpv_load_double, fpv_store_float: f8 from or to there.
.globl fpv_load_float
fpv_load_float:
    flw f8, 0(a0)
    ret
.globl fpv_store_float
fpv_store_float:
    fsw f8, 0(a0)
    ret
.globl fpv_get_f8
fpv_get_f8:
    fmv.x.d a0, f8
    ret
.globl fpv_set_f8
fpv_set_f8:
    fmv.d.x f8, a0
    ret
.option pop

.option push
.option arch, +v
// void fpv_fill_vectors(u64 seed, u64 bytes): each of the 32 registers gets its own bytes; vl and vtype stay odd.
.globl fpv_fill_vectors
fpv_fill_vectors:
    vsetvli t0, zero, e8, m1, ta, ma
    .irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    vid.v v\r
    addi t1, a0, \r
    vadd.vx v\r, v\r, t1
    .endr
    li t0, 3
    vsetvli zero, t0, e16, m2, tu, mu
    csrwi vxrm, 2
    csrwi vxsat, 1
    ret

// u64 fpv_wrong_vectors(u64 seed, u8* scratch): how many bytes of v0 to v31 and of the state differ.
.globl fpv_wrong_vectors
fpv_wrong_vectors:
    csrr t2, vl
    addi t2, t2, -3
    snez t2, t2
    csrr t3, vtype
    addi t3, t3, -9             // e16, m2, tu, mu
    snez t3, t3
    add t2, t2, t3
    csrr t3, vcsr
    addi t3, t3, -5             // vxrm 2, vxsat 1
    snez t3, t3
    add t2, t2, t3
    .irp r, 0,8,16,24
    vs8r.v v\r, (a1)
    csrr t0, vlenb
    slli t0, t0, 3
    add a1, a1, t0
    .endr
    csrr t0, vlenb
    slli t0, t0, 5
    sub a1, a1, t0              // start of the scratch again
    li t3, 0                    // register
1:  csrr t4, vlenb
    li t5, 0                    // byte
2:  lbu t0, 0(a1)
    add t6, a0, t3
    add t6, t6, t5
    andi t6, t6, 0xff
    xor t0, t0, t6
    snez t0, t0
    add t2, t2, t0
    addi a1, a1, 1
    addi t5, t5, 1
    bltu t5, t4, 2b
    addi t3, t3, 1
    li t0, 32
    bltu t3, t0, 1b
    mv a0, t2
    // Comparing must not change what is compared.
    ret

.globl fpv_vector_bytes
fpv_vector_bytes:
    csrr a0, vlenb
    ret
.option pop
