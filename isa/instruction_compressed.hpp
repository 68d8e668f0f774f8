// Expands 16-bit loads and stores to the 32-bit instruction they stand for.
#pragma once

#include <array>
#include <optional>

#include "base/types.hpp"
#include "isa/instruction_memory.hpp"
#include "isa/xlen.hpp"

namespace antler::isa {

namespace detail {

// Where the registers and the immediate lie.
enum class CompressedLayout : u8 {
    none,
    load_word,  // CL: rd', uimm(rs1')
    load_double,
    store_word,  // CS: rs2', uimm(rs1')
    store_double,
    stack_load_word,  // CI: rd, uimm(sp)
    stack_load_double,
    stack_store_word,  // CSS: rs2, uimm(sp)
    stack_store_double,
    small,  // Zcb
};

struct CompressedRow {
    CompressedLayout layout = CompressedLayout::none;
    u32 expansion = 0;  // opcode and funct3 of the 32-bit form
};

// opcode | funct3 << 12
inline constexpr u32 form_lbu = 0x4003, form_lh = 0x1003, form_lhu = 0x5003, form_lw = 0x2003,
                     form_ld = 0x3003;
inline constexpr u32 form_sb = 0x0023, form_sh = 0x1023, form_sw = 0x2023, form_sd = 0x3023;
inline constexpr u32 form_flw = 0x2007, form_fld = 0x3007, form_fsw = 0x2027, form_fsd = 0x3027;

using CompressedRows = std::array<CompressedRow, 16>;

// By funct3, quadrant 0 and then quadrant 2.  What RV64 uses for doublewords, RV32 uses for floats.
// Quadrant 2's 101 is c.fsdsp: Zcmp and Zcmt reuse it, on harts that have no compressed doubles.
template <Xlen X>
inline constexpr CompressedRows compressed_rows{{
    {},
    {CompressedLayout::load_double, form_fld},                               // [norm:c-fld_op]
    {CompressedLayout::load_word, form_lw},                                  // [norm:c-lw_op]
    X == Xlen::rv64 ? CompressedRow{CompressedLayout::load_double, form_ld}  // [norm:c-ld_op]
                    : CompressedRow{CompressedLayout::load_word, form_flw},  // [norm:c-flw_op]
    {CompressedLayout::small, 0},
    {CompressedLayout::store_double, form_fsd},                               // [norm:c-fsd_op]
    {CompressedLayout::store_word, form_sw},                                  // [norm:c-sw_op]
    X == Xlen::rv64 ? CompressedRow{CompressedLayout::store_double, form_sd}  // [norm:c-sd_op]
                    : CompressedRow{CompressedLayout::store_word, form_fsw},  // [norm:c-fsw_op]
    {},
    {CompressedLayout::stack_load_double, form_fld},                               // [norm:c-fldsp_op]
    {CompressedLayout::stack_load_word, form_lw},                                  // [norm:c-lwsp_op]
    X == Xlen::rv64 ? CompressedRow{CompressedLayout::stack_load_double, form_ld}  // [norm:c-ldsp_op]
                    : CompressedRow{CompressedLayout::stack_load_word, form_flw},  // [norm:c-flwsp_op]
    {},
    {CompressedLayout::stack_store_double, form_fsd},                               // [norm:c-fsdwsp_op]
    {CompressedLayout::stack_store_word, form_sw},                                  // [norm:c-swsp_op]
    X == Xlen::rv64 ? CompressedRow{CompressedLayout::stack_store_double, form_sd}  // [norm:c-sdsp_op]
                    : CompressedRow{CompressedLayout::stack_store_word, form_fsw},  // [norm:c-fswsp_op]
}};

// Bits high:low of `raw`, moved so that the lowest lands at bit `to`.
[[nodiscard]] constexpr u32 move(u32 raw, unsigned high, unsigned low, unsigned to) {
    return encoding::slice(raw, high, low) << to;
}

[[nodiscard]] constexpr u32 make_load(u32 form, u32 rd, u32 rs1, u32 offset) {
    return form | rd << 7 | rs1 << 15 | offset << 20;
}

[[nodiscard]] constexpr u32 make_store(u32 form, u32 rs2, u32 rs1, u32 offset) {
    return form | move(offset, 4, 0, 7) | rs1 << 15 | rs2 << 20 | move(offset, 11, 5, 25);
}

// Zcb.  Bits 12:10 say which, and for halfwords bit 6 too.
[[nodiscard]] constexpr std::optional<u32> expand_small(u32 c, u32 reg, u32 base) {
    u32 const byte_offset = move(c, 5, 5, 1) | move(c, 6, 6, 0);
    u32 const half_offset = move(c, 5, 5, 1);
    bool const bit6 = encoding::slice(c, 6, 6) != 0;
    switch (encoding::slice(c, 12, 10)) {
        case 0b000: return make_load(form_lbu, reg, base, byte_offset);                   // [norm:c-lbu_op]
        case 0b001: return make_load(bit6 ? form_lh : form_lhu, reg, base, half_offset);  // [norm:c-lhu_op]
        case 0b010: return make_store(form_sb, reg, base, byte_offset);                   // [norm:c-sb_op]
        case 0b011:
            if (bit6) return std::nullopt;
            return make_store(form_sh, reg, base, half_offset);  // [norm:c-sh_op]
        default: return std::nullopt;
    }
}

}  // namespace detail

// The load or store that a 16-bit encoding stands for; every other 16-bit instruction is nullopt.
template <Xlen X = native>
[[nodiscard]] constexpr std::optional<u32> expand_compressed(u16 raw) {
    using detail::move;
    u32 const c = raw;
    if ((c & 1) != 0) return std::nullopt;  // quadrants 1 and 3 have no loads and stores
    auto const& row = detail::compressed_rows<X>[move(c, 1, 1, 3) | encoding::slice(c, 15, 13)];

    u32 const near_reg = 8 + encoding::slice(c, 4, 2);  // x8 to x15  [norm:Zca_regs8]
    u32 const base = 8 + encoding::slice(c, 9, 7);
    u32 const load_reg = encoding::slice(c, 11, 7);
    u32 const store_reg = encoding::slice(c, 6, 2);
    u32 const word_offset = move(c, 12, 10, 3) | move(c, 6, 6, 2) | move(c, 5, 5, 6);
    u32 const double_offset = move(c, 12, 10, 3) | move(c, 6, 5, 6);
    constexpr u32 sp = 2;

    switch (row.layout) {
        case detail::CompressedLayout::none: return std::nullopt;
        case detail::CompressedLayout::load_word:
            return detail::make_load(row.expansion, near_reg, base, word_offset);
        case detail::CompressedLayout::load_double:
            return detail::make_load(row.expansion, near_reg, base, double_offset);
        case detail::CompressedLayout::store_word:
            return detail::make_store(row.expansion, near_reg, base, word_offset);
        case detail::CompressedLayout::store_double:
            return detail::make_store(row.expansion, near_reg, base, double_offset);
        case detail::CompressedLayout::stack_load_word:
            // x0 as destination is reserved; f0 is a register like others.   [norm:c-lwsp_rsv]
            if (load_reg == 0 && row.expansion == detail::form_lw) return std::nullopt;
            return detail::make_load(row.expansion, load_reg, sp,
                                     move(c, 12, 12, 5) | move(c, 6, 4, 2) | move(c, 3, 2, 6));
        case detail::CompressedLayout::stack_load_double:
            if (load_reg == 0 && row.expansion == detail::form_ld) return std::nullopt;  // [norm:c-ldsp_rsv]
            return detail::make_load(row.expansion, load_reg, sp,
                                     move(c, 12, 12, 5) | move(c, 6, 5, 3) | move(c, 4, 2, 6));
        case detail::CompressedLayout::stack_store_word:
            return detail::make_store(row.expansion, store_reg, sp, move(c, 12, 9, 2) | move(c, 8, 7, 6));
        case detail::CompressedLayout::stack_store_double:
            return detail::make_store(row.expansion, store_reg, sp, move(c, 12, 10, 3) | move(c, 9, 7, 6));
        case detail::CompressedLayout::small: return detail::expand_small(c, near_reg, base);
    }
    return std::nullopt;
}

static_assert(expand_compressed(0x4188) == 0x0005'a503);              // c.lw a0, 0(a1)
static_assert(expand_compressed(0x6588) == 0x0085'b503);              // c.ld a0, 8(a1)
static_assert(expand_compressed<Xlen::rv32>(0x6588) == 0x0085'a507);  // the same bits: c.flw fa0, 8(a1)
static_assert(!expand_compressed(0x8c40));                            // Zcb, c.sh with bit 6 set: reserved

}  // namespace antler::isa
