// Instructions as numbers: the address or operand in a0, data in a2, f12, v8, the result in a1.
#pragma once

#include "base/types.hpp"

namespace antler::guests::encode {

constexpr u32 load(u32 funct3) {
    return 10 << 15 | funct3 << 12 | 11 << 7 | 0x03;
}
constexpr u32 store(u32 funct3) {
    return 12 << 20 | 10 << 15 | funct3 << 12 | 0x23;
}
constexpr u32 amo(u32 funct5, u32 funct3, u32 rs2 = 12) {
    return funct5 << 27 | rs2 << 20 | 10 << 15 | funct3 << 12 | 11 << 7 | 0x2f;
}
constexpr u32 load_float(u32 funct3) {
    return 10 << 15 | funct3 << 12 | 12 << 7 | 0x07;
}
constexpr u32 store_float(u32 funct3) {
    return 12 << 20 | 10 << 15 | funct3 << 12 | 0x27;
}
// Unit-stride and strided vector accesses of v8 (stride in a2), unmasked.
constexpr u32 vector(u32 mop, u32 funct3, bool stores, u32 rs2) {
    return 1U << 25 | mop << 26 | rs2 << 20 | 10 << 15 | funct3 << 12 | 8 << 7 | (stores ? 0x27U : 0x07U);
}
constexpr u32 cbo(u32 which) {
    return which << 20 | 10 << 15 | 2 << 12 | 0x0f;
}
// hlv, hlvx and hsv.
constexpr u32 hypervisor(u32 funct7, u32 rs2, u32 rd) {
    return funct7 << 25 | rs2 << 20 | 10 << 15 | 4 << 12 | rd << 7 | 0x73;
}
constexpr u32 fence(u32 funct7, u32 rs1, u32 rs2) {
    return funct7 << 25 | rs2 << 20 | rs1 << 15 | 0x73;
}

enum class CsrOp : u8 { read, write, set, clear };
// csrrs a1, csr, x0; csrrw, csrrs, csrrc a1, csr, a0
constexpr u32 csr(CsrOp op, u32 number) {
    auto const funct = op == CsrOp::write ? 1U : op == CsrOp::clear ? 3U : 2U;
    auto const source = op == CsrOp::read ? 0U : 10U;
    return number << 20 | source << 15 | funct << 12 | 11U << 7 | 0x73U;
}

}  // namespace antler::guests::encode
