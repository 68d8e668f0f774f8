// Floating-point and vector registers in memory: the only F, D and V instructions of the hypervisor.

.option arch, +f, +d, +v
.section .text.float_vector, "ax"

// void antler_save_float(u64 registers[33])
.globl antler_save_float
antler_save_float:
    fsd   f0, 0(a0)
    fsd   f1, 8(a0)
    fsd   f2, 16(a0)
    fsd   f3, 24(a0)
    fsd   f4, 32(a0)
    fsd   f5, 40(a0)
    fsd   f6, 48(a0)
    fsd   f7, 56(a0)
    fsd   f8, 64(a0)
    fsd   f9, 72(a0)
    fsd   f10, 80(a0)
    fsd   f11, 88(a0)
    fsd   f12, 96(a0)
    fsd   f13, 104(a0)
    fsd   f14, 112(a0)
    fsd   f15, 120(a0)
    fsd   f16, 128(a0)
    fsd   f17, 136(a0)
    fsd   f18, 144(a0)
    fsd   f19, 152(a0)
    fsd   f20, 160(a0)
    fsd   f21, 168(a0)
    fsd   f22, 176(a0)
    fsd   f23, 184(a0)
    fsd   f24, 192(a0)
    fsd   f25, 200(a0)
    fsd   f26, 208(a0)
    fsd   f27, 216(a0)
    fsd   f28, 224(a0)
    fsd   f29, 232(a0)
    fsd   f30, 240(a0)
    fsd   f31, 248(a0)
    frcsr t0
    sd    t0, 256(a0)
    ret

// void antler_load_float(u64 const registers[33])
.globl antler_load_float
antler_load_float:
    ld    t0, 256(a0)
    fscsr t0
    fld   f0, 0(a0)
    fld   f1, 8(a0)
    fld   f2, 16(a0)
    fld   f3, 24(a0)
    fld   f4, 32(a0)
    fld   f5, 40(a0)
    fld   f6, 48(a0)
    fld   f7, 56(a0)
    fld   f8, 64(a0)
    fld   f9, 72(a0)
    fld   f10, 80(a0)
    fld   f11, 88(a0)
    fld   f12, 96(a0)
    fld   f13, 104(a0)
    fld   f14, 112(a0)
    fld   f15, 120(a0)
    fld   f16, 128(a0)
    fld   f17, 136(a0)
    fld   f18, 144(a0)
    fld   f19, 152(a0)
    fld   f20, 160(a0)
    fld   f21, 168(a0)
    fld   f22, 176(a0)
    fld   f23, 184(a0)
    fld   f24, 192(a0)
    fld   f25, 200(a0)
    fld   f26, 208(a0)
    fld   f27, 216(a0)
    fld   f28, 224(a0)
    fld   f29, 232(a0)
    fld   f30, 240(a0)
    fld   f31, 248(a0)
    ret

// void antler_save_vector(u8* registers, u64 state[5]): 32 registers of vlenb bytes; vstart, vtype, vl, vcsr, vlenb.
.globl antler_save_vector
antler_save_vector:
    csrr  t0, vstart
    csrr  t1, vtype
    csrr  t2, vl
    csrr  t3, vcsr
    csrr  t4, vlenb
    sd    t0, 0(a1)
    sd    t1, 8(a1)
    sd    t2, 16(a1)
    sd    t3, 24(a1)
    sd    t4, 32(a1)
    csrw  vstart, zero
    slli  t4, t4, 3
    vs8r.v v0, (a0)
    add   a0, a0, t4
    vs8r.v v8, (a0)
    add   a0, a0, t4
    vs8r.v v16, (a0)
    add   a0, a0, t4
    vs8r.v v24, (a0)
    ret

// void antler_load_vector(u8 const* registers, u64 const state[5])
.globl antler_load_vector
antler_load_vector:
    csrw  vstart, zero
    csrr  t4, vlenb
    slli  t4, t4, 3
    vl8re8.v v0, (a0)
    add   a0, a0, t4
    vl8re8.v v8, (a0)
    add   a0, a0, t4
    vl8re8.v v16, (a0)
    add   a0, a0, t4
    vl8re8.v v24, (a0)
    ld    t0, 0(a1)
    ld    t1, 8(a1)
    ld    t2, 16(a1)
    ld    t3, 24(a1)
    vsetvl zero, t2, t1                 // an illegal vtype comes back as vill, which is what was saved
    csrw  vcsr, t3
    csrw  vstart, t0
    ret

// void antler_zero_by_vector(void* at, u64 bytes, void* room): `bytes` is a multiple of 128 registers; what eight of
// them hold is kept in `room`, and all else that was in the unit comes back too.
.globl antler_zero_by_vector
antler_zero_by_vector:
    csrr  t0, vstart
    csrr  t1, vtype
    csrr  t2, vl
    csrr  t3, vlenb
    slli  t3, t3, 3
    csrw  vstart, zero
    vs8r.v v24, (a2)
    vsetvli t4, zero, e8, m8, ta, ma
    vmv.v.i v24, 0
    add   a1, a0, a1
1:
    .rept 16
    vs8r.v v24, (a0)
    add   a0, a0, t3
    .endr
    bltu  a0, a1, 1b
    vl8re8.v v24, (a2)
    vsetvl zero, t2, t1
    csrw  vstart, t0
    ret

// u64 antler_vector_bytes(): vlenb.  sstatus.VS must not be off.
.globl antler_vector_bytes
antler_vector_bytes:
    csrr  a0, vlenb
    ret
