// Where an IMSIC's interrupt files lie in the address space, and the registers behind iselect and topei.
#pragma once

#include <optional>

#include "base/address.hpp"
#include "isa/xlen.hpp"

namespace antler::isa {

// A file knows the identities 1 to N, where N + 1 is a multiple of 64; zero is none.           [aia IMSIC 1]
inline constexpr u32 fewest_identities = 63;
inline constexpr u32 most_identities = 2047;
[[nodiscard]] constexpr bool is_identity_count(u32 n) {
    return n >= fewest_identities && n <= most_identities && (n + 1) % 64 == 0;
}

// The page of a file: a store of an identity there makes it pending.                           [aia IMSIC 5]
inline constexpr u64 seteipnum_le = 0x000;
inline constexpr u64 seteipnum_be = 0x004;

// What siselect and vsiselect choose for sireg and vsireg.                                     [aia IMSIC 7]
namespace interrupt_file {
inline constexpr u16 first = 0x70, last = 0xff;
inline constexpr u16 eidelivery = 0x70, eithreshold = 0x72;
inline constexpr u16 eip0 = 0x80, eip63 = 0xbf;
inline constexpr u16 eie0 = 0xc0, eie63 = 0xff;

// The register with an identity's bit.  Where XLEN is 64 there are only the even ones, of 64 bits each.
template <Xlen X>
[[nodiscard]] constexpr u16 of(u16 array, u32 identity) {
    return static_cast<u16>(array + identity / bits<X> * (bits<X> / 32));
}
template <Xlen X>
[[nodiscard]] constexpr bool exists(u16 select) {
    if (select < first || select > last) return false;
    return X == Xlen::rv32 || select < eip0 || select % 2 == 0;
}
}  // namespace interrupt_file

enum class FileDelivery : u32 {  // eidelivery                                                [aia IMSIC 8.1]
    off = 0,
    on = 1,
    by_aplic = 0x4000'0000,  // a supervisor's file may have it, a guest's never
};

// stopei and vstopei: the lowest identity that is pending, enabled and below the threshold.   [aia IMSIC 9]
template <class Name, Xlen X>
struct TopExternal {
    using Raw = Word<X>;
    using identity = WordField<X, 26, 16, u16>;
    using priority = WordField<X, 10, 0, u16>;  // the same number
    Raw raw{};
    static constexpr TopExternal of(u16 i) { return {identity::set(priority::set(0, i), i)}; }
    friend constexpr bool operator==(TopExternal, TopExternal) = default;
};
using Stopei = TopExternal<struct StopeiName, native>;
using Vstopei = TopExternal<struct VstopeiName, native>;

// Harts are numbered within groups; a hart's supervisor file is followed by its guests' files.  [aia IMSIC 6]
// Of the chapter's letters: k and j are the widths, D is guest_bits + 12, E is group_shift.
struct ImsicLayout {
    u32 guest_bits = 0;  // so many pages for each hart, as a power of two
    u32 hart_bits = 0;
    u32 group_bits = 0;
    u32 group_shift = 24;

    // No two fields of an address share a bit, and all fit 64.
    [[nodiscard]] constexpr bool is_sound() const {
        if (guest_bits > 6 || hart_bits > 14 || group_bits > 7) return false;
        if (group_bits == 0) return true;
        return group_shift >= hart_bits + guest_bits + 12 && group_shift + group_bits <= 56;
    }
    // `guest` 0 is the supervisor's own file.
    [[nodiscard]] constexpr Hpa file(Hpa base, u32 group, u32 hart, u32 guest) const {
        return Hpa{base.raw() | u64{group} << group_shift | u64{hart} << (guest_bits + 12) |
                   u64{guest} << 12};
    }
    // By which an APLIC names the hart of this file: the group above the number in it.     [aia AdvPLIC 9.1]
    [[nodiscard]] constexpr u32 hart_index(Hpa file) const {
        auto const part = [&](u32 shift, u32 width) {
            return static_cast<u32>(file.raw() >> shift & ((u64{1} << width) - 1));
        };
        auto const group = group_bits == 0 ? 0 : part(group_shift, group_bits);
        return group << hart_bits | part(guest_bits + 12, hart_bits);
    }
};

static_assert(interrupt_file::of<Xlen::rv64>(interrupt_file::eip0, 64) == 0x82);
static_assert(interrupt_file::of<Xlen::rv32>(interrupt_file::eie0, 64) == 0xc2);
static_assert(interrupt_file::of<Xlen::rv64>(interrupt_file::eie0, most_identities) == 0xfe);
static_assert(!interrupt_file::exists<Xlen::rv64>(0x81) && interrupt_file::exists<Xlen::rv32>(0x81));
static_assert(interrupt_file::exists<Xlen::rv64>(0x71) && !interrupt_file::exists<Xlen::rv64>(0x6f));
static_assert(Stopei::of(5).raw == 0x5'0005);
// The second hart of the second group, and the third file of its guests.
static_assert(ImsicLayout{3, 2, 1, 24}.file(Hpa{0x2800'0000}, 1, 1, 3) == Hpa{0x2900'b000});
static_assert(ImsicLayout{3, 2, 1, 24}.hart_index(Hpa{0x2900'b000}) == 5);

}  // namespace antler::isa
