// What an instruction is: decoded by tables and pure functions, and nullopt where the tables know nothing.
#pragma once

#include <optional>
#include <variant>

#include "base/types.hpp"
#include "isa/instruction_compressed.hpp"
#include "isa/instruction_memory.hpp"
#include "isa/instruction_plain.hpp"
#include "isa/instruction_system.hpp"
#include "isa/instruction_transformed.hpp"
#include "isa/xlen.hpp"

namespace antler::isa {

// How many bytes the instruction takes that begins with this parcel; 0 for the longer forms, which no
// standard instruction uses yet.
[[nodiscard]] constexpr u8 instruction_length(u16 first_parcel) {
    if ((first_parcel & 3) != 3) return 2;
    return (first_parcel & 0x1c) != 0x1c ? 4 : 0;
}

// A load, store, atomic or cache-block operation of 16 or 32 bits.  Above a 16-bit one, `raw` may hold
// anything.
template <Xlen X = native>
[[nodiscard]] constexpr std::optional<MemoryInstruction> decode_memory(u32 raw) {
    if ((raw & 3) == 3) return decode_memory_standard<X>(raw);
    auto const expanded = expand_compressed<X>(static_cast<u16>(raw));
    if (!expanded) return std::nullopt;
    auto decoded = decode_memory_standard<X>(*expanded);
    if (decoded) decoded->length = 2;
    return decoded;
}

using Instruction = std::variant<MemoryInstruction, CsrInstruction, PrivilegedInstruction>;

// Everything the hypervisor may have to act on for a guest.  nullopt goes back to the guest.
template <Xlen X = native>
[[nodiscard]] constexpr std::optional<Instruction> decode_instruction(u32 raw) {
    if (auto const memory = decode_memory<X>(raw)) return *memory;
    if (auto const csr = decode_csr(raw)) return *csr;
    if (auto const privileged = decode_privileged(raw)) return *privileged;
    return std::nullopt;
}

static_assert(std::is_trivially_copyable_v<Instruction>);

static_assert(decode_memory(0x4188)->reg == 10 && decode_memory(0x4188)->length == 2);  // c.lw a0, 0(a1)
static_assert(decode_memory(0xdead'4188) == decode_memory(0x4188));
static_assert(!decode_memory(0x0001));  // c.nop
static_assert(std::holds_alternative<PrivilegedInstruction>(*decode_instruction(0x1050'0073)));
static_assert(!decode_instruction(0));  // all zeros and all ones are illegal everywhere
static_assert(!decode_instruction(~u32{0}));
static_assert(instruction_length(0x4188) == 2 && instruction_length(0x0073) == 4 &&
              instruction_length(0x001f) == 0);

}  // namespace antler::isa
