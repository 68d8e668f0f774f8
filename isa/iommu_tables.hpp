// What an IOMMU reads about a device: the directory, its entries, and tables for messages of interrupts.
#pragma once

#include <array>

#include "isa/imsic.hpp"
#include "isa/iommu.hpp"

namespace antler::isa::iommu {

// A device's number, of at most 24 bits, leads through up to three tables of a page.             [iommu DDT]
inline constexpr u32 device_bits = 24;

struct DirectoryShape {
    bool extended = false;
    u32 levels = 1;

    [[nodiscard]] constexpr u32 entry_bytes() const { return extended ? 64 : 32; }
    [[nodiscard]] constexpr u32 leaf_bits() const { return extended ? 6 : 7; }
    // Numbers that need more are refused.                                               [iommu P2IOVA 5]
    [[nodiscard]] constexpr u32 bits() const {
        return levels == 1 ? leaf_bits() : levels == 2 ? leaf_bits() + 9 : device_bits;
    }
    [[nodiscard]] constexpr bool reaches(u32 device) const { return device >> bits() == 0; }
    // The place in the table of this level; 0 is the one with the entries themselves.
    [[nodiscard]] constexpr u32 index(u32 device, u32 level) const {
        if (level == 0) return device & ((1u << leaf_bits()) - 1);
        auto const above = device >> (leaf_bits() + 9 * (level - 1));
        return level == 1 ? above & 0x1ff : above;
    }
    [[nodiscard]] constexpr DirectoryMode mode() const {
        return static_cast<DirectoryMode>(static_cast<u8>(DirectoryMode::one_level) + levels - 1);
    }
    // The fewest levels for so many bits.
    [[nodiscard]] static constexpr DirectoryShape of(bool extended, u32 bits) {
        DirectoryShape shape{extended, 1};
        while (shape.levels < 3 && shape.bits() < bits) ++shape.levels;
        return shape;
    }
};

struct DirectoryEntry {  // one that leads to a table                          [iommu Non-leaf DDT entry]
    using v = Field<0>;
    using ppn = Field<53, 10>;
    static constexpr u64 reserved = ~(v::mask | ppn::mask);
    u64 raw{};
    static constexpr DirectoryEntry of(Hpa table) { return {v::set(ppn::set(0, table.raw() >> 12), true)}; }
    [[nodiscard]] constexpr Hpa table() const { return Hpa{ppn::get(raw) << 12}; }
};

struct TranslationControl {  // [iommu tc]
    using v = Field<0>;
    using en_ats = Field<1>;
    using dtf = Field<4>;   // faults of translation are not reported
    using pdtv = Field<5>;  // fsc leads to a table of processes
    using gade = Field<7>;  // it sets A and D of second-stage entries; else clear ones fault
    using sade = Field<8>;
    using sbe = Field<10>;
    using sxl = Field<11>;
    static constexpr u64 custom = u64{0xff} << 24;
    static constexpr u64 reserved = ~(custom | 0xfff);
    u64 raw{};
};

struct Iohgatp {  // [iommu iohgatp]
    using mode = Field<63, 60, u8>;
    using gscid = Field<59, 44, u16>;
    using ppn = Field<43, 0>;
    u64 raw{};
    // Modes are numbered as in hgatp of a hart whose XLEN is 64.                     [iommu iohgatp.MODE]
    static constexpr Iohgatp of(GStageMode m, u16 id, Hpa root) {
        return {mode::set(gscid::set(ppn::set(0, root.raw() >> 12), id), static_cast<u8>(m))};
    }
    [[nodiscard]] constexpr GStageMode stage() const { return static_cast<GStageMode>(mode::get(raw)); }
    [[nodiscard]] constexpr Hpa root() const { return Hpa{ppn::get(raw) << 12}; }
};

struct Msiptp {  // [iommu msiptp]
    using mode = Field<63, 60, u8>;
    using ppn = Field<43, 0>;
    static constexpr u8 off = 0;
    static constexpr u8 flat = 1;
    u64 raw{};
    static constexpr Msiptp of(Hpa table) { return {mode::set(ppn::set(0, table.raw() >> 12), flat)}; }
    [[nodiscard]] constexpr Hpa table() const { return Hpa{ppn::get(raw) << 12}; }
};

// What the directory has for a device; of the base format only the first four.          [iommu Leaf DDT
// entry]
struct DeviceContext {
    u64 tc{};
    u64 iohgatp{};
    u64 ta{};
    u64 fsc{};
    u64 msiptp{};
    u64 msi_addr_mask{};
    u64 msi_addr_pattern{};
    u64 reserved{};
    friend constexpr bool operator==(DeviceContext const&, DeviceContext const&) = default;
};
static_assert(sizeof(DeviceContext) == 64);

// Which pages of a guest are interrupt files: page numbers that are `pattern` but for the bits of `mask`.
// Those bits together are a file's number.                                          [iommu MSI_ID, MSI_TRANS]
struct MessagePages {
    u64 mask{};
    u64 pattern{};

    // The files of harts 0 to 2^hart_bits - 1, one page for each.
    [[nodiscard]] static constexpr MessagePages of(Gpa base, u32 hart_bits) {
        return {(u64{1} << hart_bits) - 1, base.raw() >> 12};
    }
    [[nodiscard]] constexpr bool contains(Gpa at) const {
        return (at.raw() >> 12 & ~mask) == (pattern & ~mask);
    }
    [[nodiscard]] constexpr u64 number(Gpa at) const {
        u64 const page = at.raw() >> 12;
        u64 found = 0;
        for (u32 from = 0, to = 0; from < 52; ++from)
            if ((mask >> from & 1) != 0) found |= (page >> from & 1) << to++;
        return found;
    }
    [[nodiscard]] constexpr Gpa page(u64 file) const {
        u64 found = pattern & ~mask;
        for (u32 to = 0, from = 0; to < 52; ++to)
            if ((mask >> to & 1) != 0) found |= (file >> from++ & 1) << to;
        return Gpa{found << 12};
    }
    [[nodiscard]] constexpr u64 files() const {
        u64 count = 1;
        for (u64 rest = mask; rest != 0; rest &= rest - 1) count *= 2;
        return count;
    }
    friend constexpr bool operator==(MessagePages, MessagePages) = default;
};

// Where messages for one interrupt file go.  An entry changes by a store of its first word alone, as long as
// its second one, which says where notices go, is what it has to be before.     [aia IOMMU MSI page tables]
struct MessageEntry {
    using v = Field<0>;
    using m = Field<2, 1, u8>;
    using ppn = Field<53, 10>;         // of a real file, where m is `file`
    using memory_file = Field<53, 7>;  // bits 55 to 9 of its address, where m is `memory`
    using custom = Field<63>;
    using notice_low = Field<9, 0, u32>;  // of the second word, as is all below
    using notice_ppn = Field<53, 10>;
    using notice_high = Field<60, 60, u32>;
    static constexpr u8 memory = 1;
    static constexpr u8 file = 3;
    static constexpr u64 reserved_of_file = ~(v::mask | m::mask | ppn::mask | custom::mask);
    static constexpr u64 reserved_of_memory = ~(v::mask | m::mask | memory_file::mask | custom::mask);
    static constexpr u64 reserved_of_notice = ~(notice_low::mask | notice_ppn::mask | notice_high::mask);
    u64 first{};
    u64 second{};

    [[nodiscard]] static constexpr u64 to_file(Hpa page) {
        return v::set(m::set(ppn::set(0, page.raw() >> 12), file), true);
    }
    [[nodiscard]] static constexpr u64 to_memory(Hpa at) {
        return v::set(m::set(memory_file::set(0, at.raw() >> 9), memory), true);
    }
    // A message of this identity to the file in this page, after each change of the memory.
    [[nodiscard]] static constexpr u64 notice(Hpa page, u32 identity) {
        return notice_high::set(notice_low::set(notice_ppn::set(0, page.raw() >> 12), identity & 0x3ff),
                                identity >> 10 & 1);
    }
    [[nodiscard]] constexpr Hpa file_page() const { return Hpa{ppn::get(first) << 12}; }
    [[nodiscard]] constexpr Hpa memory_address() const { return Hpa{memory_file::get(first) << 9}; }
    [[nodiscard]] constexpr Hpa notice_page() const { return Hpa{notice_ppn::get(second) << 12}; }
    [[nodiscard]] constexpr u32 notice_identity() const {
        return notice_high::get(second) << 10 | notice_low::get(second);
    }
    friend constexpr bool operator==(MessageEntry, MessageEntry) = default;
};
static_assert(sizeof(MessageEntry) == 16);
// So many lie in a page; a table of more is aligned to its own size.
inline constexpr u64 messages_a_page = 256;

// An interrupt file in memory: words of pending bits, each followed by the word of enable bits, for 64
// identities.                                                                [aia IOMMU MRIF format]
struct MemoryFile {
    static constexpr u32 pairs = 32;
    std::array<u64, std::size_t{2} * pairs> words{};
    [[nodiscard]] static constexpr u32 pending(u32 identity) { return identity / 64 * 2; }
    [[nodiscard]] static constexpr u32 enabled(u32 identity) { return identity / 64 * 2 + 1; }
};
static_assert(sizeof(MemoryFile) == 512);

static_assert(DirectoryShape::of(true, 15).levels == 2 && DirectoryShape::of(true, 16).levels == 3);
static_assert(DirectoryShape::of(false, 16).levels == 2 && DirectoryShape::of(false, 7).levels == 1);
static_assert(DirectoryShape{true, 3}.index(0xabcdef, 2) == 0xabcdef >> 15);
static_assert(DirectoryShape{true, 3}.index(0xabcdef, 1) == (0xabcdef >> 6 & 0x1ff));
static_assert(DirectoryShape{false, 2}.index(0xffff, 1) == 0x1ff);
static_assert(DirectoryShape{true, 2}.mode() == DirectoryMode::two_levels);
static_assert(MessagePages::of(Gpa{0x2800'0000}, 2).contains(Gpa{0x2800'3000}));
static_assert(!MessagePages::of(Gpa{0x2800'0000}, 2).contains(Gpa{0x2800'4000}));
static_assert(MessagePages{0b1011, 0x100}.number(Gpa{0x10a'000}) == 0b110);
static_assert(MessagePages{0b1011, 0x100}.page(0b110) == Gpa{0x10a'000});
static_assert(MessageEntry::to_file(Hpa{0x2800'1000}) == (u64{0x28001} << 10 | 7));
static_assert(MessageEntry{MessageEntry::to_memory(Hpa{0x8000'0200}), 0}.memory_address() ==
              Hpa{0x8000'0200});
static_assert(MessageEntry{0, MessageEntry::notice(Hpa{0x2800'0000}, 2047)}.notice_identity() == 2047);

}  // namespace antler::isa::iommu
