// The shortest way from htinst to what a device access is: integer loads and stores, nothing else.
#pragma once

#include <optional>

#include "base/types.hpp"
#include "isa/instruction_transformed.hpp"
#include "isa/xlen.hpp"

namespace antler::isa {

struct PlainAccess {
    bool store = false;
    bool sign_extend = false;
    u8 width = 0;
    u8 reg = 0;
    u8 length = 0;

    friend constexpr bool operator==(PlainAccess const&, PlainAccess const&) = default;
};

// Says what decode_trap_instruction() would say, in a quarter of its instructions; none: ask that one.
template <Xlen X = native>
[[nodiscard, gnu::always_inline]] constexpr std::optional<PlainAccess> plain_access(u64 htinst) {
    // LOAD and STORE differ in bit 5; bit 1 says whether the instruction was compressed; a misaligned access
    // has an address offset in bits 19:15.   [norm:H_trap_xtinst_exception_list]
    constexpr u64 opcode_and_upper = 0xffff'ffff'000f'805d;
    if ((htinst & opcode_and_upper) != 0x01) return std::nullopt;
    auto const raw = static_cast<u32>(htinst);
    auto const& row = detail::basic_rows[(raw >> 1 & 16) | (raw >> 12 & 7)];
    auto const presence = (raw & 2) != 0 ? row.known : row.compressed;
    if (!detail::is_in(presence, X)) return std::nullopt;
    bool const store = (raw & detail::basic_store_bit) != 0;
    return PlainAccess{.store = store,
                       .sign_extend = row.sign_extend,
                       .width = row.width,
                       .reg = static_cast<u8>(raw >> (store ? 20 : 7) & 31),
                       .length = static_cast<u8>(2 + (raw & 2))};
}

// The same questions one by one, for who asks few of them: what is_plain_load_word() or is_plain_load_byte()
// affirms, plain_access() knows as a load of a sign-extended word, or of a byte whatever its sign.
[[nodiscard]] constexpr bool is_plain_load_word(u64 htinst) {
    return (htinst & ~u64{0xf82}) == 0x2001;
}
[[nodiscard]] constexpr bool is_plain_load_byte(u64 htinst) {
    if ((htinst & ~u64{0xf80}) == 0x0003) return true;
    return (htinst & ~u64{0xf82}) == 0x4001;
}
[[nodiscard]] constexpr u32 load_register(u64 htinst) {
    return static_cast<u32>(htinst) >> 7 & 31;
}
[[nodiscard]] constexpr u64 told_length(u64 htinst) {
    return 2 + (htinst & 2);
}

static_assert(plain_access(0x0000'4583) == PlainAccess{false, false, 1, 11, 4});  // lbu a1
static_assert(plain_access(0x00b0'2021) == PlainAccess{true, false, 4, 11, 2});   // c.sw a1
static_assert(!plain_access(0x0000'3007) && !plain_access(0x3020) && !plain_access(0));

}  // namespace antler::isa
