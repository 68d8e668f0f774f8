// Ethernet frames as a switch sees them: two addresses, perhaps a VLAN tag, a type.
#pragma once

#include <array>

#include "base/types.hpp"

namespace antler::backend {

// A station's address; the first byte on the wire is the lowest of the 48 bits.
struct Mac {
    u64 bits{};

    [[nodiscard]] static constexpr Mac of(std::array<u8, 6> const& bytes) {
        u64 bits = 0;
        for (unsigned i = 0; i < 6; ++i) bits |= u64{bytes[i]} << (8 * i);
        return {bits};
    }
    [[nodiscard]] constexpr std::array<u8, 6> bytes() const {
        std::array<u8, 6> out{};
        for (unsigned i = 0; i < 6; ++i) out[i] = static_cast<u8>(bits >> (8 * i));
        return out;
    }
    // Addressed to many; no station has such an address.
    [[nodiscard]] constexpr bool is_group() const { return (bits & 1) != 0; }
    friend constexpr auto operator<=>(Mac, Mac) = default;
};

inline constexpr Mac broadcast{0xffff'ffff'ffff};

// A VLAN by its number; zero: the frames without a tag.
using Vlan = u16;
inline constexpr Vlan no_vlan = 0, last_vlan = 4094;

namespace ethernet {
inline constexpr u32 addresses_bytes = 12, header_bytes = 14, tag_bytes = 4;
inline constexpr u16 type_vlan = 0x8100, type_provider_vlan = 0x88a8, type_ipv4 = 0x0800, type_ipv6 = 0x86dd;
inline constexpr u32 standard_mtu = 1500;

[[nodiscard]] constexpr bool is_tag(u16 type) {
    return type == type_vlan || type == type_provider_vlan;
}
[[nodiscard]] constexpr u16 read16(u8 const* at) {
    return static_cast<u16>(at[0] << 8 | at[1]);
}
[[nodiscard]] constexpr u32 read32(u8 const* at) {
    return u32{read16(at)} << 16 | read16(at + 2);
}
constexpr void write16(u8* at, u16 value) {
    at[0] = static_cast<u8>(value >> 8);
    at[1] = static_cast<u8>(value);
}
constexpr void write32(u8* at, u32 value) {
    write16(at, static_cast<u16>(value >> 16));
    write16(at + 2, static_cast<u16>(value));
}
}  // namespace ethernet

// The first bytes of a frame, which were copied once and decide where it goes.  They are aligned, so that the
// addresses are two loads.
struct FrameHead {
    static constexpr u32 capacity = 128;
    u8 const* bytes;  // to a multiple of eight; as many as the frame has, up to `capacity`

    [[nodiscard]] Mac destination() const { return {word(0) & 0xffff'ffff'ffff}; }
    [[nodiscard]] Mac source() const { return {word(0) >> 48 | (word(8) & 0xffff'ffff) << 16}; }
    [[nodiscard]] u16 type() const {
        auto const type = static_cast<u16>(word(8) >> 32);
        return static_cast<u16>(type << 8 | type >> 8);
    }

    // Eight bytes of them.
    [[nodiscard]] u64 word(unsigned at) const {
        u64 value = 0;
        __builtin_memcpy(&value, __builtin_assume_aligned(bytes + at, 8), sizeof value);
        return value;
    }
};

}  // namespace antler::backend
