// Reads htinst: the trapping instruction transformed, a pseudoinstruction, or nothing that can be relied on.
#pragma once

#include <variant>

#include "base/types.hpp"
#include "isa/instruction_compressed.hpp"
#include "isa/instruction_memory.hpp"
#include "isa/xlen.hpp"

namespace antler::isa {

// Zero, or a value that no rule of today explains: software may treat both the same, and fetches the
// instruction itself.   [norm:H_trap_xtinst]
struct NothingTold {
    friend constexpr bool operator==(NothingTold const&, NothingTold const&) = default;
};

// The fault was on an implicit access to a VS-stage page table.   [norm:H_trap_xtinst_guestpage]
struct TableAccess {
    bool write = false;  // to set A or D  [norm:H_trap_xtinst_guestpage_rw]
    u8 width = 0;        // of the page-table entry
    friend constexpr bool operator==(TableAccess const&, TableAccess const&) = default;
};

// A non-standard instruction trapped; the value means what its inventor says.
// [norm:H_trap_xtinst_exception_list]
struct CustomInstruction {
    u32 raw = 0;
    friend constexpr bool operator==(CustomInstruction const&, CustomInstruction const&) = default;
};

using TrapInstruction = std::variant<NothingTold, MemoryInstruction, TableAccess, CustomInstruction>;

namespace detail {

[[nodiscard]] constexpr bool is_custom_opcode(u8 opcode) {
    return opcode == 0x0b || opcode == 0x2b || opcode == 0x5b || opcode == 0x7b;  // custom-0 to custom-3
}

// May a 16-bit instruction have expanded to this one?
[[nodiscard]] constexpr bool has_compressed_form(u32 raw, Xlen x) {
    return is_basic(raw) && is_in(basic_row(raw).compressed, x);
}

}  // namespace detail

namespace detail {

// rs1 is replaced by an address offset; the immediates of loads and stores are replaced by zeros, which need
// not be looked at.  Bit 1 is 0 if the instruction was compressed.   [norm:H_tinst_addr_offset]
[[nodiscard]] constexpr MemoryInstruction as_told(MemoryInstruction decoded, bool compressed) {
    decoded.address_offset = decoded.base;
    decoded.base = 0;
    decoded.offset = 0;
    decoded.length = compressed ? 2 : 4;
    return decoded;
}

// What is no plain load or store.
template <Xlen X>
[[nodiscard]] constexpr TrapInstruction decode_rare_trap_instruction(u64 value) {
    switch (value) {
        case 0x2000: return TableAccess{false, 4};
        case 0x2020: return TableAccess{true, 4};
        case 0x3000: return TableAccess{false, 8};
        case 0x3020: return TableAccess{true, 8};
        default: break;
    }
    if (value >> 32 != 0 || (value & 1) == 0) return NothingTold{};
    auto const raw = static_cast<u32>(value) | 2;
    if (is_custom_opcode(encoding::opcode(raw))) return CustomInstruction{static_cast<u32>(value)};
    if ((value & 2) == 0) return NothingTold{};  // none of these has a compressed form
    auto const decoded = decode_memory_standard<X>(raw);
    if (!decoded) return NothingTold{};
    // The cache-block operations have no address offset.   [norm:h_trans_cache]
    if (decoded->width == 0 && decoded->base != 0) return NothingTold{};
    return as_told(*decoded, false);
}

}  // namespace detail

// The manual asks readers to verify the whole value, so that what it may mean one day is not mistaken.
template <Xlen X = native>
[[nodiscard]] constexpr TrapInstruction decode_trap_instruction(u64 value) {
    auto const raw = static_cast<u32>(value) | 2;
    bool const plain = value >> 32 == 0 && (value & 1) != 0 && detail::is_basic(raw);
    if (!plain) return detail::decode_rare_trap_instruction<X>(value);
    bool const compressed = (value & 2) == 0;
    if (compressed && !detail::has_compressed_form(raw, X)) return NothingTold{};
    auto const decoded = detail::decode_basic(raw, X);
    if (!decoded) return NothingTold{};
    return detail::as_told(*decoded, compressed);
}

// The other way: what htinst tells of an instruction of 16 or 32 bits; zero where no transformation is
// defined. For a guest that is a hypervisor itself.   [norm:H_trap_xtinst_val]
template <Xlen X = native>
[[nodiscard]] constexpr u32 transform_instruction(u32 raw, u8 address_offset) {
    bool const compressed = (raw & 3) != 3;
    auto const whole = compressed ? expand_compressed<X>(static_cast<u16>(raw)) : raw;
    if (!whole) return 0;
    auto const decoded = decode_memory_standard<X>(*whole);
    if (!decoded) return 0;

    u32 value = *whole & ~u32{0xf'8000};  // rs1
    if (decoded->op == MemoryOp::load) value &= 0x000f'ffff;
    if (decoded->op == MemoryOp::store) value &= 0x01ff'f07f;
    if (decoded->width != 0) value |= u32{address_offset & 0x1fU} << 15;
    return compressed ? value & ~u32{2} : value;
}

static_assert(transform_instruction(0xfff5'4583, 0) == 0x0000'4583);  // lbu a1, -1(a0)
static_assert(transform_instruction(0x4188, 3) == 0x0001'a501);       // c.lw a0, 0(a1), 3 bytes on
static_assert(transform_instruction(0x0205'6007, 0) == 0);            // vle32.v: none is defined
static_assert(std::get<TableAccess>(decode_trap_instruction(0x3020)).write);
static_assert(std::get<MemoryInstruction>(decode_trap_instruction(0x2501)).length == 2);  // was c.lw a0, …
static_assert(std::holds_alternative<NothingTold>(decode_trap_instruction(0x6501)));      // there is no c.lwu
static_assert(std::holds_alternative<NothingTold>(decode_trap_instruction(0x1'0000'2503)));
static_assert(std::holds_alternative<CustomInstruction>(decode_trap_instruction(0x0009)));

}  // namespace antler::isa
