// Cache colours: frames whose addresses differ in the bits above the page meet in no set of a cache.
#pragma once

#include "base/address.hpp"
#include "base/types.hpp"

namespace antler::memory {

// How many colours there are where the board does not say how large a way of its shared cache is: 64 KiB.
inline constexpr u32 default_colours = 16;
inline constexpr u32 most_colours = 64;

// How many there are in a cache with ways of so many bytes.  Of a way that is no power of two the largest
// that divides it counts: frames that differ there never meet, others may not meet either.
[[nodiscard]] constexpr u32 colours_of_way(u64 bytes) {
    auto const pages = bytes / page_bytes;
    if (pages == 0) return 1;
    auto const power = pages & (~pages + 1);
    return power < most_colours ? static_cast<u32>(power) : most_colours;
}
static_assert(colours_of_way(64 * 1024) == default_colours && colours_of_way(1024) == 1);
static_assert(colours_of_way(96 * 1024) == 8 && colours_of_way(u64{1} << 30) == most_colours);

// Those that somebody wants; none: any frame will do.
struct Colours {
    u64 wanted = 0;               // a bit for each
    u32 count = default_colours;  // of the board; a power of two

    [[nodiscard]] constexpr bool any() const { return wanted == 0; }
    // A colour is the address's bits above the page, within a way.
    [[nodiscard]] constexpr u32 of(Hpa at) const {
        return static_cast<u32>(at.raw() / page_bytes) & (count - 1);
    }
    [[nodiscard]] constexpr bool has(Hpa at) const { return (wanted >> of(at) & 1) != 0; }
    // Every wanted one exists.
    [[nodiscard]] constexpr bool exist() const { return count >= most_colours || wanted >> count == 0; }
};

static_assert(Colours{.wanted = 0xf}.has(Hpa{0x8000'3000}) && !Colours{.wanted = 0xf}.has(Hpa{0x8000'4000}));
static_assert(Colours{.wanted = 0xf}.has(Hpa{0x8001'0000}) && !Colours{.wanted = 1 << 16}.exist());

}  // namespace antler::memory
