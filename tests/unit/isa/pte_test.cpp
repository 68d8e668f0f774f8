// Entries and table shapes, where the manual draws them.
#include "isa/pte.hpp"

#include <gtest/gtest.h>

#include <array>

namespace antler::isa {
namespace {

struct Shape {
    Scheme scheme;
    unsigned levels, bits;
    u64 root_bytes;
    u64 leaf1;
};
constexpr std::array shapes{
    Shape{sv32, 2, 32, 4096, 4u << 20},    Shape{sv39, 3, 39, 4096, 2u << 20},
    Shape{sv48, 4, 48, 4096, 2u << 20},    Shape{sv57, 5, 57, 4096, 2u << 20},
    Shape{sv32x4, 2, 34, 16384, 4u << 20}, Shape{sv39x4, 3, 41, 16384, 2u << 20},
    Shape{sv48x4, 4, 50, 16384, 2u << 20}, Shape{sv57x4, 5, 59, 16384, 2u << 20},
};

TEST(Scheme, HasTheLevelsAndSizesOfTheManual) {
    RecordProperty("rules",
                   "norm:Sv39_levels norm:Sv48_levels norm:Sv57_levels norm:Sv39_page_sizes norm:Sv39_pt_sz "
                   "norm:Sv39_pte_sz norm:hgatp_mode_x4 norm:hgatp_mode_sv32x4 norm:hgatp_mode_sv39x4 "
                   "norm:hgatp_mode_sv48x4 norm:hgatp_mode_sv57x4");
    for (auto const& [scheme, levels, bits, root_bytes, leaf1] : shapes) {
        EXPECT_EQ(scheme.levels, levels);
        EXPECT_EQ(scheme.address_bits(), bits);
        EXPECT_EQ(scheme.table_bytes(scheme.root_level()), root_bytes);
        EXPECT_EQ(scheme.table_bytes(0), 4096u);
        EXPECT_EQ(scheme.leaf_bytes(0), 4096u);
        EXPECT_EQ(scheme.leaf_bytes(1), leaf1);
        // The indices and the offset put the address together again.
        u64 const address = 0x0123'4567'89ab'cdef & ((u64{1} << bits) - 1);
        u64 again = address & 0xfff;
        for (unsigned level = 0; level < levels; ++level)
            again |= scheme.index(address, level) << scheme.shift(level);
        EXPECT_EQ(again, address);
    }
}

TEST(Scheme, ReachesOnlyItsOwnAddresses) {
    RecordProperty("rules", "norm:Sv39_va_signext norm:Sv48_va_signext norm:Sv57_va_signext");
    for (auto const& shape : shapes) {
        auto const& scheme = shape.scheme;
        u64 const half = u64{1} << (shape.bits - 1);
        EXPECT_TRUE(scheme.reaches(half - 1));
        if (shape.bits == 32) continue;  // there is nothing above
        EXPECT_EQ(scheme.reaches(half), scheme.widened != 0);
        EXPECT_EQ(scheme.reaches(~u64{0}), scheme.widened == 0);
        EXPECT_EQ(scheme.reaches(~u64{0} << (shape.bits - 1)), scheme.widened == 0);
        EXPECT_FALSE(scheme.reaches(half << 1));
        EXPECT_FALSE(scheme.reaches(~u64{0} << shape.bits));
    }
}

TEST(Scheme, FollowsFromTheMode) {
    EXPECT_EQ(scheme_of(StageMode::sv48), sv48);
    EXPECT_EQ(scheme_of(GStageMode::sv57x4), sv57x4);
    EXPECT_EQ(scheme_of(StageMode::bare), std::nullopt);
    EXPECT_EQ(scheme_of(GStageMode{3}), std::nullopt);
}

TEST(Entry, IsBuiltAndReadAlike) {
    auto const table = Pte::table(Gpa{0x8020'3000});
    EXPECT_TRUE(table.is_table() && !table.is_leaf());
    EXPECT_EQ(table.target(), 0x8020'3000u);
    EXPECT_EQ(table.raw, 0x2008'0c01u);

    auto const leaf =
        Pte::leaf(Hpa{0x8020'0000}, {.may = {true, false, true}, .user = true, .type = MemoryType::io});
    EXPECT_TRUE(leaf.is_valid() && leaf.is_leaf() && !leaf.is_table() && !leaf.is_napot());
    EXPECT_EQ(leaf.may(), (Permissions{true, false, true}));
    EXPECT_EQ(Pte::pbmt::get(leaf.raw), MemoryType::io);
    EXPECT_TRUE(Pte::a::get(leaf.raw) && Pte::d::get(leaf.raw) && Pte::u::get(leaf.raw) &&
                !Pte::g::get(leaf.raw));
    EXPECT_FALSE(Pte{}.is_valid() || Pte{}.is_table());
}

TEST(Entry, OfANapotStretchHasThePatternAndTheAddress) {
    RecordProperty("rules", "norm:Svnapot_valid_encoding norm:Svnapot_pte_N norm:Svnapot_range_napot");
    auto const napot = Pte::napot(Hpa{0x8003'0000}, {.may = Permissions::all(), .user = true});
    EXPECT_EQ(Pte::ppn::get(napot.raw) & 0xf, 8u);
    EXPECT_EQ(napot.target(), 0x8003'0000u);
    EXPECT_EQ(covered_bytes(napot, 0, sv39x4), 65536u);
    EXPECT_FALSE(is_malformed(napot, 0, {.svnapot = true}));
    EXPECT_TRUE(is_malformed(napot, 0, {}));
    EXPECT_TRUE(is_malformed(napot, 1, {.svnapot = true}));
    for (u64 low = 0; low < 16; ++low) {
        Pte const other{(napot.raw & ~u64{0x3c00}) | low << 10};
        EXPECT_EQ(is_malformed(other, 0, {.svnapot = true}), low != 8) << low;
    }
}

TEST(Entry, WithReservedBitsIsMalformed) {
    RecordProperty("rules",
                   "norm:Sv39_pte_future_rsv norm:Sv39_pte_svnapot_rsv norm:Sv39_pte_svpbmt_rsv "
                   "norm:Svrsw60t59b_reserved_bits_60_59 norm:Svpbmt_leaf_pte_pbmt_reserved_3_fault "
                   "norm:Svpbmt_nonleaf_pte_pbmt_must_be_zero");
    Pte const leaf = Pte::leaf(Hpa{0x8000'0000}, {.may = Permissions::all()});
    Pte const table = Pte::table(Hpa{0x8000'0000});
    PteExtensions const all{true, true, true};
    EXPECT_FALSE(is_malformed(leaf, 0, {}) || is_malformed(table, 1, {}));
    for (unsigned bit = 54; bit <= 60; ++bit) {
        EXPECT_TRUE(is_malformed({leaf.raw | u64{1} << bit}, 0, {})) << bit;
        EXPECT_EQ(is_malformed({leaf.raw | u64{1} << bit}, 0, all), bit < 59) << bit;
    }
    for (u64 type = 1; type < 4; ++type) {
        EXPECT_TRUE(is_malformed({leaf.raw | type << 61}, 0, {}));
        EXPECT_EQ(is_malformed({leaf.raw | type << 61}, 0, all), type == 3);
        EXPECT_TRUE(is_malformed({table.raw | type << 61}, 1, all));
    }
    for (unsigned const bit : {4u, 6u, 7u, 63u})
        EXPECT_TRUE(is_malformed({table.raw | u64{1} << bit}, 1, all)) << bit;
    EXPECT_FALSE(is_malformed({table.raw | 0x320}, 1, {}));   // G and the software bits
    EXPECT_TRUE(is_malformed({leaf.raw & ~u64{2}}, 0, all));  // writable, not readable
    EXPECT_TRUE(is_malformed({leaf.raw & ~u64{1}}, 0, all));
}

TEST(Entry, OfALargePageMustBeAligned) {
    RecordProperty("rules",
                   "norm:Sv39_superpage_align norm:Sv39_superpage_align_fault norm:Sv39_leaf_any_level");
    auto const at = [](u64 address) { return Pte::leaf(Hpa{address}, {.may = Permissions::all()}); };
    EXPECT_FALSE(is_misaligned_leaf(at(0x8020'0000), 1, sv39));
    EXPECT_TRUE(is_misaligned_leaf(at(0x8020'1000), 1, sv39));
    EXPECT_TRUE(is_misaligned_leaf(at(0x8020'0000), 1, sv32));  // 4 MiB there
    EXPECT_FALSE(is_misaligned_leaf(at(0x8040'0000), 1, sv32));
    EXPECT_FALSE(is_misaligned_leaf(at(0x8020'1000), 0, sv57));
}

TEST(MemoryTypes, OverrideFromTheOutsideIn) {
    RecordProperty("rules", "norm:Svpbmt_hgatp_stage_override_rule norm:Svpbmt_vsatp_stage_override_rule");
    using enum MemoryType;
    EXPECT_EQ(combine(pma, pma), pma);
    EXPECT_EQ(combine(pma, io), io);
    EXPECT_EQ(combine(non_cacheable, io), non_cacheable);
    EXPECT_EQ(combine(io, non_cacheable), io);
}

}  // namespace
}  // namespace antler::isa
