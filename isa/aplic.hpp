// The registers of one interrupt domain of an Advanced PLIC.
#pragma once

#include "base/field.hpp"
#include "base/types.hpp"

namespace antler::isa::aplic {

// Sources are 1 to 1023, and their registers lie where a register 0 would be four bytes earlier.
// All registers are words; nothing but aligned words is accessed.                             [aia AdvPLIC 5]
inline constexpr u32 most_sources = 1023;
inline constexpr u32 most_harts = 1u << 14;

inline constexpr u32 domaincfg = 0x0000;
inline constexpr u32 sourcecfg = 0x0000;  // + 4 * source
inline constexpr u32 mmsiaddrcfg = 0x1bc0, mmsiaddrcfgh = 0x1bc4;
inline constexpr u32 smsiaddrcfg = 0x1bc8, smsiaddrcfgh = 0x1bcc;
inline constexpr u32 setip = 0x1c00, setipnum = 0x1cdc;     // + 4 * (source / 32)
inline constexpr u32 in_clrip = 0x1d00, clripnum = 0x1ddc;  // read: the rectified inputs
inline constexpr u32 setie = 0x1e00, setienum = 0x1edc;
inline constexpr u32 clrie = 0x1f00, clrienum = 0x1fdc;
inline constexpr u32 setipnum_le = 0x2000, setipnum_be = 0x2004;
inline constexpr u32 genmsi = 0x3000;
inline constexpr u32 target = 0x3000;  // + 4 * source
inline constexpr u32 idcs = 0x4000;    // + idc_bytes * hart index
inline constexpr u32 idc_bytes = 32;
inline constexpr u32 idc_idelivery = 0x00, idc_iforce = 0x04, idc_ithreshold = 0x08;
inline constexpr u32 idc_topi = 0x18, idc_claimi = 0x1c;
inline constexpr u32 words_of_bits = 32;  // of setip, in_clrip, setie and clrie

enum class Delivery : bool { direct = false, messages = true };

struct Domaincfg {  // [aia AdvPLIC 5.1]
    using fixed = Field<31, 24, u32, u32>;
    using ie = Field<8, 8, bool, u32>;
    using dm = Field<2, 2, Delivery, u32>;
    using be = Field<0, 0, bool, u32>;
    static constexpr u32 fixed_value = 0x80;
    u32 raw = fixed::set(0, fixed_value);
    static constexpr Domaincfg of(Delivery how) { return {ie::set(dm::set(Domaincfg{}.raw, how), true)}; }
    friend constexpr bool operator==(Domaincfg, Domaincfg) = default;
};

enum class SourceMode : u8 {  // [aia AdvPLIC 5.2]
    inactive = 0,
    detached = 1,
    edge1 = 4,  // rising
    edge0 = 5,
    level1 = 6,  // high
    level0 = 7,
};
[[nodiscard]] constexpr bool is_edge(SourceMode mode) {
    return mode == SourceMode::edge1 || mode == SourceMode::edge0;
}
[[nodiscard]] constexpr bool is_level(SourceMode mode) {
    return mode == SourceMode::level1 || mode == SourceMode::level0;
}
[[nodiscard]] constexpr bool is_inverted(SourceMode mode) {
    return mode == SourceMode::edge0 || mode == SourceMode::level0;
}

struct Sourcecfg {
    using d = Field<10, 10, bool, u32>;
    using child = Field<9, 0, u32, u32>;      // with d
    using sm = Field<2, 0, SourceMode, u32>;  // without
    u32 raw{};
    static constexpr Sourcecfg of(SourceMode mode) { return {sm::set(0, mode)}; }
    friend constexpr bool operator==(Sourcecfg, Sourcecfg) = default;
};

struct Target {  // [aia AdvPLIC 5.16]
    using hart = Field<31, 18, u32, u32>;
    using guest = Field<17, 12, u32, u32>;  // with messages: 0 is the supervisor's file
    using eiid = Field<10, 0, u32, u32>;    // with messages
    using iprio = Field<7, 0, u32, u32>;    // direct: a smaller number goes first, and zero is none
    u32 raw{};
    static constexpr Target message(u32 to_hart, u32 to_guest, u32 identity) {
        return {hart::set(guest::set(eiid::set(0, identity), to_guest), to_hart)};
    }
    static constexpr Target direct(u32 to_hart, u32 priority) {
        return {hart::set(iprio::set(0, priority), to_hart)};
    }
    friend constexpr bool operator==(Target, Target) = default;
};

struct Genmsi {  // [aia AdvPLIC 5.15]
    using hart = Field<31, 18, u32, u32>;
    using busy = Field<12, 12, bool, u32>;
    using eiid = Field<10, 0, u32, u32>;
    u32 raw{};
};

struct Topi {  // and claimi, whose read takes it                                           [aia AdvPLIC 8.1]
    using source = Field<25, 16, u32, u32>;
    using priority = Field<7, 0, u32, u32>;
    u32 raw{};
    static constexpr Topi of(u32 which, u32 how_urgent) {
        return {source::set(priority::set(0, how_urgent), which)};
    }
    friend constexpr bool operator==(Topi, Topi) = default;
};

static_assert(Domaincfg{}.raw == 0x8000'0000);
static_assert(Domaincfg::of(Delivery::messages).raw == 0x8000'0104);
static_assert(Target::message(3, 2, 0x155).raw == (3u << 18 | 2u << 12 | 0x155));
static_assert(Target::direct(1, 1).raw == 0x4'0001);
static_assert(Topi::of(10, 1).raw == 0xa'0001);
static_assert(sourcecfg + 4 * most_sources == 0x0ffc && target + 4 * most_sources == 0x3ffc);

}  // namespace antler::isa::aplic
