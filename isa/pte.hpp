// Page-table entries and the shapes of page tables: Sv32, Sv39, Sv48, Sv57 and their x4 forms.
#pragma once

#include <optional>

#include "base/address.hpp"
#include "base/field.hpp"
#include "isa/csr_translation.hpp"

namespace antler::isa {

// What a page's memory is.  Both stages may say; see combine().                    [norm:Svpbmt_depends_Sv39]
enum class MemoryType : u8 { pma = 0, non_cacheable = 1, io = 2, reserved = 3 };

struct Permissions {
    bool read{}, write{}, execute{};

    static constexpr Permissions all() { return {true, true, true}; }
    // A stage can only take away.                                                     [norm:H_vm_twostage]
    friend constexpr Permissions operator&(Permissions a, Permissions b) {
        return {a.read && b.read, a.write && b.write, a.execute && b.execute};
    }
    friend constexpr bool operator==(Permissions, Permissions) = default;
};

// One entry.  Sv32's are the low 32 bits of the same layout: its 22-bit PPN starts at bit 10 too.
struct Pte {
    using v = Field<0>;
    using r = Field<1>;
    using w = Field<2>;
    using x = Field<3>;
    using u = Field<4>;  // must be set at G-stage: every access there is user-level [norm:H_vm_gpapriv]
    using g = Field<5>;  // ignored at G-stage                                        [norm:H_vm_gpa_g]
    using a = Field<6>;
    using d = Field<7>;
    using software = Field<9, 8>;
    using ppn = Field<53, 10>;               // 44 bits               [norm:satp_ppn_sv39_sz]
    using reserved = Field<60, 54>;          // must be zero          [norm:Sv39_pte_future_rsv]
    using pbmt = Field<62, 61, MemoryType>;  // with Svpbmt           [norm:Sv39_pte_svpbmt_rsv]
    using n = Field<63>;                     // with Svnapot          [norm:Sv39_pte_svnapot_rsv]
    u64 raw{};

    // To the next table.  D, A and U of such an entry are reserved, and so are N and PBMT.
    // [norm:Svpbmt_nonleaf_pte_pbmt_must_be_zero]
    template <class Space>
    [[nodiscard]] static constexpr Pte table(Address<Space> next) {
        return {v::set(ppn::set(0, next.raw() >> 12), true)};
    }

    struct Leaf {
        Permissions may{};
        bool user{};
        bool global{};
        bool accessed{true};
        bool dirty{true};
        MemoryType type{MemoryType::pma};
    };
    // A leaf at the address of its first byte; the level decides its size.
    template <class Space>
    [[nodiscard]] static constexpr Pte leaf(Address<Space> start, Leaf how) {
        u64 raw = v::set(ppn::set(0, start.raw() >> 12), true);
        raw = r::set(w::set(x::set(raw, how.may.execute), how.may.write), how.may.read);
        raw = u::set(g::set(raw, how.global), how.user);
        raw = a::set(d::set(raw, how.dirty), how.accessed);
        return {pbmt::set(raw, how.type)};
    }
    // One of the sixteen equal entries of a 64 KiB stretch; `start` is 64 KiB-aligned.
    // [norm:Svnapot_valid_encoding]
    template <class Space>
    [[nodiscard]] static constexpr Pte napot(Address<Space> start, Leaf how) {
        auto const one = leaf(start, how);
        return {n::set(one.raw | u64{napot_pattern} << ppn::low, true)};
    }

    [[nodiscard]] constexpr bool is_valid() const { return v::get(raw); }
    // Only meaningful when valid.
    [[nodiscard]] constexpr bool is_leaf() const { return r::get(raw) || x::get(raw); }
    [[nodiscard]] constexpr bool is_table() const { return is_valid() && !is_leaf(); }
    [[nodiscard]] constexpr bool is_napot() const { return n::get(raw); }
    [[nodiscard]] constexpr Permissions may() const { return {r::get(raw), w::get(raw), x::get(raw)}; }
    // Where the next table or the page starts.  A NAPOT entry's pattern is not part of the address.
    [[nodiscard]] constexpr u64 target() const {
        u64 const page = ppn::get(raw);
        return (is_napot() ? page & ~u64{0xf} : page) << 12;
    }
    friend constexpr bool operator==(Pte, Pte) = default;

    static constexpr u64 napot_pattern =
        0x8;  // of PPN[3:0]: 64 KiB, the only size        [norm:Svnapot_range_napot]
    static constexpr u64 napot_bytes = 65536;
};

// How an address is cut up and how big tables are.  Level 0 holds 4 KiB pages.
struct Scheme {
    u8 levels;       // [norm:Sv39_LEVELS] [norm:Sv48_LEVELS] [norm:Sv57_LEVELS]
    u8 index_bits;   // of one level
    u8 entry_bytes;  // [norm:Sv39_PTESIZE] [norm:Sv48_PTESIZE] [norm:Sv57_PTESIZE]
    u8 widened;      // two more bits at the root, for guest physical addresses           [norm:hgatp_mode_x4]

    [[nodiscard]] constexpr unsigned root_level() const { return levels - 1u; }
    [[nodiscard]] constexpr unsigned address_bits() const { return 12u + levels * index_bits + widened; }
    [[nodiscard]] constexpr unsigned shift(unsigned level) const { return 12u + level * index_bits; }
    [[nodiscard]] constexpr u64 leaf_bytes(unsigned level) const { return u64{1} << shift(level); }
    [[nodiscard]] constexpr u64 entries(unsigned level) const {
        return u64{1} << (index_bits + (level == root_level() ? widened : 0u));
    }
    // 16 KiB at an x4 root, 4 KiB everywhere else; tables are aligned to their size. [norm:Sv39_pt_sz]
    // [norm:Sv39_pt_align]
    [[nodiscard]] constexpr u64 table_bytes(unsigned level) const { return entries(level) * entry_bytes; }
    [[nodiscard]] constexpr u64 index(u64 address, unsigned level) const {
        return address >> shift(level) & (entries(level) - 1);
    }
    // Virtual addresses repeat their highest bit, guest physical ones are zero above.
    // [norm:Sv39_va_signext] [norm:Sv48_va_signext] [norm:Sv57_va_signext]
    // [norm:hgatp_mode_sv39x4] [norm:hgatp_mode_sv48x4] [norm:hgatp_mode_sv57x4]
    [[nodiscard]] constexpr bool reaches(u64 address) const {
        unsigned const width = address_bits();
        if (widened != 0) return address >> width == 0;
        if (width == 32) return true;  // every address of RV32; there is nothing above
        u64 const above = address >> (width - 1);
        return above == 0 || above == ~u64{0} >> (width - 1);
    }
    friend constexpr bool operator==(Scheme, Scheme) = default;
};

inline constexpr Scheme sv32{2, 10, 4, 0}, sv39{3, 9, 8, 0}, sv48{4, 9, 8, 0}, sv57{5, 9, 8, 0};
inline constexpr Scheme sv32x4{2, 10, 4, 2}, sv39x4{3, 9, 8, 2}, sv48x4{4, 9, 8, 2}, sv57x4{5, 9, 8, 2};

// Nothing for Bare, and for encodings that no register can hold.
[[nodiscard]] constexpr std::optional<Scheme> scheme_of(StageMode m) {
    switch (m) {
        case StageMode::bare: return std::nullopt;
        case StageMode::sv32: return sv32;
        case StageMode::sv39: return sv39;
        case StageMode::sv48: return sv48;
        case StageMode::sv57: return sv57;
    }
    return std::nullopt;
}
[[nodiscard]] constexpr std::optional<Scheme> scheme_of(GStageMode m) {
    switch (m) {
        case GStageMode::bare: return std::nullopt;
        case GStageMode::sv32x4: return sv32x4;
        case GStageMode::sv39x4: return sv39x4;
        case GStageMode::sv48x4: return sv48x4;
        case GStageMode::sv57x4: return sv57x4;
    }
    return std::nullopt;
}

// Which optional bits of an entry mean something at this stage.
struct PteExtensions {
    bool svnapot{};
    bool svpbmt{};       // of VS-stage: henvcfg.PBMTE                               [norm:henvcfg_pbmte_op]
    bool svrsw60t59b{};  // bits 60:59 are software's          [norm:Svrsw60t59b_reserved_bits_60_59]
    friend constexpr bool operator==(PteExtensions, PteExtensions) = default;
};

// Would the walk stop at this entry with a page fault, whatever the access?  Alignment of large pages apart.
[[nodiscard]] constexpr bool is_malformed(Pte pte, unsigned level, PteExtensions ext) {
    u64 const raw = pte.raw;
    if (!Pte::v::get(raw) || (!Pte::r::get(raw) && Pte::w::get(raw))) return true;
    u64 const reserved = Pte::reserved::mask & ~(ext.svrsw60t59b ? Field<60, 59>::mask : 0);
    if ((raw & reserved) != 0) return true;                                  // [norm:Sv39_pte_future_rsv]
    if (Pte::n::get(raw) && !ext.svnapot) return true;                       // [norm:Sv39_pte_svnapot_rsv]
    if (Pte::pbmt::get(raw) != MemoryType::pma && !ext.svpbmt) return true;  // [norm:Sv39_pte_svpbmt_rsv]
    if (!pte.is_leaf()) {
        constexpr u64 leaf_only = Pte::u::mask | Pte::a::mask | Pte::d::mask | Pte::n::mask | Pte::pbmt::mask;
        return (raw & leaf_only) != 0;  // [norm:Svpbmt_nonleaf_pte_pbmt_must_be_zero]
    }
    if (Pte::pbmt::get(raw) == MemoryType::reserved)
        return true;  // [norm:Svpbmt_leaf_pte_pbmt_reserved_3_fault]
    return Pte::n::get(raw) && (level != 0 || (Pte::ppn::get(raw) & 0xf) != Pte::napot_pattern);
    // [norm:Svnapot_reserved_encoding_fault]
}

// A leaf above level 0 must start at a multiple of its size. [norm:Sv39_superpage_align]
// [norm:Sv39_superpage_align_fault]
[[nodiscard]] constexpr bool is_misaligned_leaf(Pte pte, unsigned level, Scheme scheme) {
    return (pte.target() & (scheme.leaf_bytes(level) - 1)) != 0;
}

// How many bytes one leaf covers: [norm:Sv39_page_sizes] [norm:Sv48_page_sizes] [norm:Sv57_page_sizes]
// [norm:Svnapot_range_napot]
[[nodiscard]] constexpr u64 covered_bytes(Pte pte, unsigned level, Scheme scheme) {
    return pte.is_napot() ? Pte::napot_bytes : scheme.leaf_bytes(level);
}

// G-stage overrides what the board says, VS-stage overrides both.
// [norm:Svpbmt_hgatp_stage_override_rule] [norm:Svpbmt_vsatp_stage_override_rule]
[[nodiscard]] constexpr MemoryType combine(MemoryType vs_stage, MemoryType g_stage) {
    return vs_stage != MemoryType::pma ? vs_stage : g_stage;
}

static_assert(sv32.address_bits() == 32 && sv32x4.address_bits() == 34);  // [norm:hgatp_mode_sv32x4]
static_assert(sv39.address_bits() == 39 && sv39x4.address_bits() == 41);  // [norm:Sv39_va_sz]
static_assert(sv48.address_bits() == 48 && sv48x4.address_bits() == 50);  // [norm:Sv48_va_sz]
static_assert(sv57.address_bits() == 57 && sv57x4.address_bits() == 59);  // [norm:Sv57_va_sz]
static_assert(sv39x4.table_bytes(2) == 16384 && sv39x4.table_bytes(1) == 4096 &&
              sv32x4.table_bytes(1) == 16384);
static_assert(sv39.leaf_bytes(1) == 2u << 20 && sv39.leaf_bytes(2) == 1u << 30 &&
              sv32.leaf_bytes(1) == 4u << 20);
static_assert(sv39x4.index(0x1ff'ffff'ffff, 2) == 2047 && sv39.index(~u64{0}, 2) == 511);
static_assert(sv39.reaches(0xffff'ffc0'0000'0000) && sv39.reaches(0x3f'ffff'ffff) &&
              !sv39.reaches(u64{1} << 38));
static_assert(sv39x4.reaches(0x1ff'ffff'ffff) && !sv39x4.reaches(u64{1} << 41) && !sv39x4.reaches(~u64{0}));
static_assert(Pte::leaf(Hpa{0x8020'0000}, {.may = {true, true, false}, .user = true}).raw == 0x2008'00d7);
static_assert(Pte::napot(Hpa{0x8001'0000}, {.may = Permissions::all()}).target() == 0x8001'0000);
static_assert(Pte::napot(Hpa{0x8001'0000}, {.may = Permissions::all()}).raw == 0x8000'0000'2000'60cf);
static_assert(!is_malformed(Pte::table(Hpa{0x8000'1000}), 1, {}) && is_malformed(Pte{0x41}, 1, {}));
static_assert(combine(MemoryType::pma, MemoryType::io) == MemoryType::io);

}  // namespace antler::isa
