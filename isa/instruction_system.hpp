// Decodes the SYSTEM instructions that a hypervisor meets when a guest may not execute them itself.
#pragma once

#include <array>
#include <optional>

#include "base/types.hpp"
#include "isa/instruction_memory.hpp"

namespace antler::isa {

enum class CsrOp : u8 { swap = 1, set = 2, clear = 3 };  // the low two bits of funct3

struct CsrInstruction {
    CsrOp op{};
    bool immediate = false;  // `source` is the value itself, zero-extended; else a register's number
    u16 csr = 0;
    u8 reg = 0;     // rd
    u8 source = 0;  // rs1 or uimm

    // A swap into x0 must not read the CSR; a set or clear from x0, or of uimm 0, must not write it.  It is
    // the register's number that counts, not its value.   [norm:csrrwi_rd_x0] [norm:csrrs_csrrc_rs1_x0]
    [[nodiscard]] constexpr bool reads() const { return op != CsrOp::swap || reg != 0; }
    [[nodiscard]] constexpr bool writes() const { return op == CsrOp::swap || source != 0; }

    // What the CSR shall hold, given what it held and the value of the source (or the immediate).
    [[nodiscard]] constexpr u64 result(u64 old, u64 operand) const {
        switch (op) {
            case CsrOp::swap: return operand;
            case CsrOp::set: return old | operand;
            case CsrOp::clear: return old & ~operand;
        }
        return old;
    }

    friend constexpr bool operator==(CsrInstruction const&, CsrInstruction const&) = default;
};

enum class PrivilegedOp : u8 {
    wfi,
    wrs_nto,
    wrs_sto,
    sret,
    mret,
    sfence_vma,
    sfence_w_inval,
    sfence_inval_ir,
    sinval_vma,
    hfence_vvma,
    hfence_gvma,
    hinval_vvma,
    hinval_gvma,
};

struct PrivilegedInstruction {
    PrivilegedOp op{};
    u8 address = 0;     // rs1 of a fence; x0: every address
    u8 identifier = 0;  // rs2 of a fence: ASID or VMID; x0: every one

    friend constexpr bool operator==(PrivilegedInstruction const&, PrivilegedInstruction const&) = default;
};

namespace detail {

struct PrivilegedRow {
    u32 mask, match;
    PrivilegedOp op;
};

inline constexpr u32 whole_mask = 0xffff'ffff;
inline constexpr u32 fence_mask = 0xfe00'7fff;

inline constexpr std::array privileged_rows{
    PrivilegedRow{whole_mask, 0x1050'0073, PrivilegedOp::wfi},      // [norm:wfi_op]
    PrivilegedRow{whole_mask, 0x00d0'0073, PrivilegedOp::wrs_nto},  // [norm:Zawrs_wrs-nto_stall_exec]
    PrivilegedRow{whole_mask, 0x01d0'0073, PrivilegedOp::wrs_sto},  // [norm:Zawrs_wrs-sto_stall_duration]
    PrivilegedRow{whole_mask, 0x1020'0073, PrivilegedOp::sret},     // [norm:sret_v1]
    PrivilegedRow{whole_mask, 0x3020'0073, PrivilegedOp::mret},
    PrivilegedRow{fence_mask, 0x1200'0073, PrivilegedOp::sfence_vma},       // [norm:sfence_vma_op]
    PrivilegedRow{whole_mask, 0x1800'0073, PrivilegedOp::sfence_w_inval},   // Svinval
    PrivilegedRow{whole_mask, 0x1810'0073, PrivilegedOp::sfence_inval_ir},  // Svinval
    PrivilegedRow{fence_mask, 0x1600'0073, PrivilegedOp::sinval_vma},       // Svinval
    PrivilegedRow{fence_mask, 0x2200'0073, PrivilegedOp::hfence_vvma},  // [norm:hfence-vvma_hfence-gvma_op]
    PrivilegedRow{fence_mask, 0x6200'0073, PrivilegedOp::hfence_gvma},  // [norm:hfence-vvma_hfence-gvma_op]
    PrivilegedRow{fence_mask, 0x2600'0073, PrivilegedOp::hinval_vvma},  // Svinval
    PrivilegedRow{fence_mask, 0x6600'0073, PrivilegedOp::hinval_gvma},  // Svinval
};

}  // namespace detail

[[nodiscard]] constexpr std::optional<CsrInstruction> decode_csr(u32 raw) {
    using namespace encoding;
    auto const form = funct3(raw);
    if (opcode(raw) != opcode_system || (form & 3) == 0) return std::nullopt;
    return CsrInstruction{.op = static_cast<CsrOp>(form & 3),
                          .immediate = (form & 4) != 0,
                          .csr = static_cast<u16>(raw >> 20),
                          .reg = rd(raw),
                          .source = rs1(raw)};
}

[[nodiscard]] constexpr std::optional<PrivilegedInstruction> decode_privileged(u32 raw) {
    for (auto const& row : detail::privileged_rows)
        if ((raw & row.mask) == row.match) {
            bool const fence = row.mask == detail::fence_mask;
            return PrivilegedInstruction{.op = row.op,
                                         .address = fence ? encoding::rs1(raw) : u8{0},
                                         .identifier = fence ? encoding::rs2(raw) : u8{0}};
        }
    return std::nullopt;
}

static_assert(decode_csr(0xc000'2573)->csr == 0xc00);  // rdcycle a0
static_assert(!decode_csr(0xc000'2573)->writes());     // ... is csrrs a0, cycle, x0
static_assert(!decode_csr(0x1004'5073)->reads());      // csrwi sstatus, 8
static_assert(decode_csr(0x1004'5073)->source == 8);
static_assert(!decode_csr(0x6835'4573));  // hlvx.wu has funct3 100
static_assert(decode_privileged(0x1050'0073)->op == PrivilegedOp::wfi);
static_assert(decode_privileged(0x12b5'0073)->identifier == 11);  // sfence.vma a0, a1
static_assert(!decode_privileged(0x1050'00f3));                   // wfi with a destination: reserved

}  // namespace antler::isa
