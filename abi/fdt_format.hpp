// The numbers of the flattened device tree format, version 17, and its big-endian loads and stores.
#pragma once

#include "base/types.hpp"

namespace antler::abi {

namespace fdt {
inline constexpr u32 magic = 0xd00dfeed;
inline constexpr u32 version = 17;
inline constexpr u32 last_compatible_version = 16;
inline constexpr u32 header_bytes = 40;
inline constexpr u32 reservation_bytes = 16;

enum class Token : u32 { begin_node = 1, end_node = 2, property = 3, nop = 4, end = 9 };

// Where each field of the header is.
enum class Header : u32 {
    magic = 0,
    total_size = 4,
    structure_offset = 8,
    strings_offset = 12,
    reservations_offset = 16,
    version = 20,
    last_compatible_version = 24,
    boot_hart = 28,
    strings_size = 32,
    structure_size = 36,
};
}  // namespace fdt

// By bytes: a tree may lie at any address.
[[nodiscard]] constexpr u32 load_be32(u8 const* at) {
    return u32{at[0]} << 24 | u32{at[1]} << 16 | u32{at[2]} << 8 | u32{at[3]};
}
[[nodiscard]] constexpr u64 load_be64(u8 const* at) {
    return u64{load_be32(at)} << 32 | load_be32(at + 4);
}
constexpr void store_be32(u8* at, u32 value) {
    at[0] = static_cast<u8>(value >> 24);
    at[1] = static_cast<u8>(value >> 16);
    at[2] = static_cast<u8>(value >> 8);
    at[3] = static_cast<u8>(value);
}
constexpr void store_be64(u8* at, u64 value) {
    store_be32(at, static_cast<u32>(value >> 32));
    store_be32(at + 4, static_cast<u32>(value));
}

}  // namespace antler::abi
