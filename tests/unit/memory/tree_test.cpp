// Page-table trees: leaf sizes, split and merge, failure at every table.
#include "memory/tree.hpp"

#include <gtest/gtest.h>

#include "base/units.hpp"
#include "tests/fake/memory.hpp"

namespace antler::memory {
namespace {

using fake::Board;
using isa::Permissions;
using isa::Xlen;

constexpr OwnerId web{1};

// Pays with nobody to tell, and counts.
struct Nobody {
    u64 flushes = 0;
    FlushRequest last{};
    void flush(FlushRequest const& request) {
        ++flushes;
        last = request;
    }
};

template <Xlen X>
struct Tree : TreeOf<X> {
    Tree(Board& b, isa::Scheme scheme, bool napot = true) : board{b} {
        auto const made =
            this->create(b.frames, web,
                         {.scheme = scheme, .extensions = {.svnapot = napot, .svpbmt = true}, .user = true});
        EXPECT_TRUE(made.ok());
    }
    ~Tree() {
        for (bool done = false; !done;) pay(this->destroy_step(done));
    }
    void pay(FlushDebt&& debt) { std::move(debt).pay(nobody); }
    void pay(Result<FlushDebt>&& debt) {
        ASSERT_TRUE(debt.ok());
        std::move(debt.value()).pay(nobody);
    }
    void unmap(u64 at, u64 size) {
        Stretch rest{at, size};
        while (rest.size != 0) {
            auto debt = this->unmap_step(rest);
            ASSERT_TRUE(debt.ok());
            std::move(debt.value()).pay(nobody);
        }
    }
    // What a hart finds, by the other implementation.
    isa::Walk walk(u64 at, isa::Access access = isa::Access::load) {
        isa::Stage const stage{this->scheme(), this->root().raw(), this->kind().extensions, false};
        return isa::walk_g_stage(board.memory, stage, Gpa{at}, {.access = access, .user = true});
    }
    std::optional<isa::Leaf> leaf(u64 at, isa::Access access = isa::Access::load) {
        auto const found = walk(at, access);
        auto const* const is_leaf = std::get_if<isa::Leaf>(&found);
        return is_leaf == nullptr ? std::nullopt : std::optional{*is_leaf};
    }
    Board& board;
    Nobody nobody{};
};

using Tree64 = Tree<Xlen::rv64>;
constexpr Hpa memory{0x40'0000'0000};  // needs no RAM: nobody looks into borrowed memory

class Schemes : public testing::TestWithParam<isa::Scheme> {};
INSTANTIATE_TEST_SUITE_P(All, Schemes, testing::Values(isa::sv39x4, isa::sv48x4, isa::sv57x4));

TEST_P(Schemes, TheLargestLeavesThatFitAreTaken) {
    RecordProperty("rules", "norm:Sv39_page_sizes norm:Svnapot_range_napot norm:H_vm_gpapriv");
    Board board;
    Tree64 tree{board, GetParam()};
    // 4 KiB, then 64 KiB groups, then 2 MiB, then 1 GiB, then down again.
    u64 const at = 1_GiB - 2_MiB - 64_KiB - 4_KiB;
    u64 const size = 4_KiB + 64_KiB + 2_MiB + 1_GiB + 2_MiB + 64_KiB + 4_KiB;
    ASSERT_TRUE(tree.map(at, {memory + at, size}, {}).ok());
    std::vector<u64> sizes;
    for (u64 done = 0; done < size;) {
        auto const found = tree.leaf(at + done);
        ASSERT_TRUE(found) << std::hex << at + done;
        EXPECT_EQ(found->physical, memory + at + done);
        sizes.push_back(found->bytes);
        done += found->bytes;
    }
    EXPECT_EQ(sizes, (std::vector<u64>{4_KiB, 64_KiB, 2_MiB, 1_GiB, 2_MiB, 64_KiB, 4_KiB}));
    EXPECT_FALSE(tree.leaf(at - 1));
    EXPECT_FALSE(tree.leaf(at + size));
    tree.unmap(at, size);
    EXPECT_FALSE(tree.leaf(at));
}

TEST(Tree, WithoutSvnapotThereAreOnlySinglePages) {
    Board board;
    Tree64 tree{board, isa::sv39x4, false};
    ASSERT_TRUE(tree.map(64_KiB, {memory, 64_KiB}, {}).ok());
    EXPECT_EQ(tree.leaf(64_KiB)->bytes, 4_KiB);
}

TEST(Tree, TheNarrowSchemeHasFourMebibyteLeaves) {
    RecordProperty("rules", "norm:hgatp_mode_sv32x4");
    Board board;
    Tree<Xlen::rv32> tree{board, isa::sv32x4, false};
    Hpa const low{0x8000'0000};
    ASSERT_TRUE(tree.map(0x3'ffc0'0000 - 4_KiB, {low + 4_MiB - 4_KiB, 4_MiB + 4_KiB}, {}).ok());
    EXPECT_EQ(tree.leaf(0x3'ffc0'0000)->bytes, 4_MiB);
    EXPECT_EQ(tree.leaf(0x3'ffc0'0000 - 4_KiB)->bytes, 4_KiB);
    EXPECT_EQ(tree.map(u64{1} << 34, {low, 4_KiB}, {}).error(), Error::out_of_range);
}

TEST(Tree, NothingIsMappedOverSomething) {
    Board board;
    Tree64 tree{board, isa::sv39x4};
    ASSERT_TRUE(tree.map(2_MiB + 64_KiB, {memory, 4_KiB}, {}).ok());
    auto const before = board.frames.accounting(web);
    for (auto const [at, size] :
         {std::pair{2_MiB, 2_MiB}, std::pair{2_MiB + 64_KiB, 64_KiB}, std::pair{0_KiB, 4_MiB},
          std::pair{2_MiB + 64_KiB, 4_KiB}, std::pair{0_KiB, 1_GiB}}) {
        auto const done = tree.map(at, {memory + 1_GiB, size}, {});
        ASSERT_FALSE(done.ok());
        EXPECT_EQ(done.error(), Error::already_exists);
    }
    EXPECT_EQ(board.frames.accounting(web), before);  // and no table stays behind
    EXPECT_FALSE(tree.leaf(0));
}

TEST(Tree, WhatCannotBeALeafIsRefused) {
    Board board;
    Tree64 tree{board, isa::sv39x4};
    EXPECT_EQ(tree.map(100, {memory, 4_KiB}, {}).error(), Error::misaligned);
    EXPECT_EQ(tree.map((u64{1} << 41) - 4_KiB, {memory, 8_KiB}, {}).error(), Error::out_of_range);
    EXPECT_EQ(tree.map(0, {memory, 4_KiB}, {.may = {false, true, false}}).error(), Error::not_supported);
    EXPECT_EQ(tree.map(0, {memory, 4_KiB}, {.may = {}}).error(), Error::not_supported);
}

TEST_P(Schemes, MappingFailsCleanlyWhenAnyTableCannotBeHad) {
    Board board;
    Tree64 tree{board, GetParam()};
    u64 const at = 1_GiB - 4_KiB;
    u64 const size = 4_KiB + 1_GiB + 2_MiB + 4_KiB;
    auto const before = board.frames.accounting(web);
    u64 failures = 0;
    for (u64 k = 0;; ++k) {
        fake::Shortage const shortage{board.frames, k};
        auto const done = tree.map(at, {memory + at, size}, {});
        if (done.ok()) break;
        ++failures;
        EXPECT_EQ(done.error(), Error::no_memory);
        EXPECT_EQ(board.frames.accounting(web), before);
        EXPECT_FALSE(tree.leaf(at));
        EXPECT_FALSE(tree.leaf(1_GiB));
        EXPECT_FALSE(tree.leaf(at + size - 1));
    }
    EXPECT_GE(failures, 4u);  // two tables on each side at least
    EXPECT_TRUE(tree.leaf(at) && tree.leaf(at + size - 1));
}

TEST(Tree, UnmappingAPartFailsCleanlyWhenTheSplitTableCannotBeHad) {
    Board board;
    Tree64 tree{board, isa::sv39x4};
    ASSERT_TRUE(tree.map(1_GiB, {memory, 1_GiB}, {}).ok());
    for (u64 k = 0; k < 2; ++k) {
        fake::Shortage const shortage{board.frames, k};
        Stretch rest{1_GiB + 4_KiB, 4_KiB};
        while (rest.size != 0) {
            auto debt = tree.unmap_step(rest);
            if (!debt) {
                EXPECT_EQ(debt.error(), Error::no_memory);
                break;
            }
            tree.pay(std::move(debt));
        }
        EXPECT_EQ(rest.size, 4_KiB);
        for (u64 at = 1_GiB; at < 2_GiB; at += 64_MiB)
            EXPECT_EQ(tree.leaf(at)->physical, memory + (at - 1_GiB));
    }
    tree.unmap(1_GiB + 4_KiB, 4_KiB);
    EXPECT_FALSE(tree.leaf(1_GiB + 4_KiB));
    EXPECT_TRUE(tree.leaf(1_GiB) && tree.leaf(1_GiB + 8_KiB));
}

// At each look at a table, as a hart would look, the translation is there and the same.
TEST_P(Schemes, SplitAndMergeNeverShowAnInvalidEntry) {
    RecordProperty("rules", "norm:sfence_vma_ordering_semantics norm:Svnapot_cache_entries");
    Board board;
    Tree64 tree{board, GetParam()};
    ASSERT_TRUE(tree.map(1_GiB, {memory, 1_GiB}, {}).ok());
    u64 looks = 0;
    board.memory.on_view = [&](Hpa) {
        ++looks;
        for (u64 const offset : {0_KiB, 4_KiB, 64_KiB, 2_MiB - 4_KiB, 2_MiB, 512_MiB}) {
            auto const found = tree.leaf(1_GiB + offset);
            ASSERT_TRUE(found);
            ASSERT_EQ(found->physical, memory + offset);
        }
    };
    tree.pay(tree.split(1_GiB, 2_MiB));
    EXPECT_EQ(tree.leaf(1_GiB)->bytes, 2_MiB);
    EXPECT_TRUE(tree.nobody.last.is_all());  // an entry became a table
    tree.pay(tree.split(1_GiB + 4_KiB, 64_KiB));
    EXPECT_EQ(tree.leaf(1_GiB)->bytes, 64_KiB);
    tree.pay(tree.split(1_GiB + 4_KiB, 4_KiB));
    EXPECT_EQ(tree.leaf(1_GiB)->bytes, 4_KiB);
    EXPECT_EQ(tree.leaf(1_GiB + 64_KiB)->bytes, 64_KiB);
    EXPECT_EQ(tree.nobody.last.size(), 64_KiB);  // all of what was a group
    tree.pay(tree.merge(1_GiB + 8_KiB));
    EXPECT_EQ(tree.leaf(1_GiB)->bytes, 1_GiB);
    board.memory.on_view = {};
    EXPECT_GT(looks, 1000u);
    EXPECT_EQ(board.frames.accounting(web).house_bytes,
              u64{16_KiB} + (GetParam().levels - 3u) * 4_KiB);  // the tables are gone
}

TEST(Tree, SixteenPagesInARowMergeIntoAGroup) {
    Board board;
    Tree64 tree{board, isa::sv39x4};
    for (u64 i = 0; i < 16; ++i)
        ASSERT_TRUE(tree.map(64_KiB + i * 4_KiB, {memory + 128_KiB + i * 4_KiB, 4_KiB}, {}).ok());
    EXPECT_EQ(tree.leaf(64_KiB)->bytes, 4_KiB);
    tree.pay(tree.merge(64_KiB + 5 * 4_KiB));
    EXPECT_EQ(tree.leaf(64_KiB)->bytes, 64_KiB);
    EXPECT_EQ(tree.leaf(64_KiB + 20 * 1024)->physical, memory + 128_KiB + 20 * 1024);
}

TEST(Tree, WhatDiffersDoesNotMerge) {
    Board board;
    Tree64 tree{board, isa::sv39x4};
    ASSERT_TRUE(tree.map(2_MiB, {memory, 2_MiB}, {}).ok());
    Stretch part{2_MiB + 8_KiB, 4_KiB};
    while (part.size != 0) tree.pay(tree.protect_step(part, {true, false, false}, true));
    tree.pay(tree.merge(2_MiB));
    EXPECT_EQ(tree.leaf(2_MiB + 8_KiB)->bytes, 4_KiB);
    EXPECT_EQ(tree.leaf(2_MiB + 64_KiB)->bytes, 64_KiB);
    EXPECT_FALSE(tree.leaf(2_MiB + 8_KiB, isa::Access::store));
    EXPECT_TRUE(tree.leaf(2_MiB + 12_KiB, isa::Access::store));
    part = {2_MiB + 8_KiB, 4_KiB};
    while (part.size != 0) tree.pay(tree.protect_step(part, Permissions::all(), true));
    tree.pay(tree.merge(2_MiB));
    EXPECT_EQ(tree.leaf(2_MiB)->bytes, 2_MiB);
}

TEST(Tree, DirtyLoggingClearsDAndKeepsA) {
    RecordProperty("rules", "norm:svade_access_ad_bit_clear");
    Board board;
    Tree64 tree{board, isa::sv39x4};
    ASSERT_TRUE(tree.map(2_MiB, {memory, 2_MiB}, {}).ok());
    EXPECT_TRUE(tree.leaf(2_MiB, isa::Access::store)->dirty);
    Stretch all{2_MiB, 2_MiB};
    while (all.size != 0) tree.pay(tree.protect_step(all, Permissions::all(), false));
    EXPECT_TRUE(tree.leaf(2_MiB));
    EXPECT_FALSE(tree.leaf(2_MiB, isa::Access::store));  // Svade: a store faults
    EXPECT_FALSE(tree.lookup(2_MiB)->how.dirty);
}

TEST(Tree, DevicesHaveTheTypeTheyWereGiven) {
    Board board;
    Tree64 tree{board, isa::sv39x4};
    ASSERT_TRUE(tree.map(0x1000'0000, {Hpa{0x1000'0000}, 4_KiB},
                         {.may = {true, true, false}, .type = isa::MemoryType::io})
                    .ok());
    EXPECT_EQ(tree.leaf(0x1000'0000)->type, isa::MemoryType::io);
    EXPECT_FALSE(tree.leaf(0x1000'0000, isa::Access::fetch));
}

TEST(Tree, ALongUnmapGoesInSteps) {
    Board board{{{Hpa{0x8000'0000}, 64_MiB}}, 8_MiB};
    Tree64 tree{board, isa::sv39x4, false};
    ASSERT_TRUE(tree.map(4_KiB, {memory, 16_MiB}, {}).ok());  // misaligned to each other: only single pages
    ASSERT_EQ(tree.leaf(4_MiB)->bytes, 4_KiB);
    Stretch rest{4_KiB, 16_MiB};
    u64 steps = 0;
    while (rest.size != 0) {
        auto const before = rest.size;
        tree.pay(tree.unmap_step(rest));
        EXPECT_LE(before - rest.size, entries_a_step * 4_KiB);
        ++steps;
    }
    EXPECT_EQ(steps, (16_MiB / 4_KiB + entries_a_step - 1) / entries_a_step);
    EXPECT_EQ(board.frames.accounting(web).house_bytes, 16_KiB);  // every table but the root was given back
}

TEST(Tree, OwnedFramesComeBackOnlyWhenTheDebtIsPaid) {
    Board board;
    Tree64 tree{board, isa::sv39x4};
    auto const free = board.frames.totals().free_guest_bytes;
    auto const block = PageMaker::unmake(board.frames.take(Pool::guest, order_2m, web).value());
    ASSERT_TRUE(tree.map(2_MiB, block.range(), {.holding = Holding::owned}).ok());
    Stretch rest{2_MiB + 64_KiB, 64_KiB};
    auto first = tree.unmap_step(rest);
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(board.frames.totals().free_guest_bytes, free - 2_MiB);
    EXPECT_EQ(board.frames.inspect(block.start + 64_KiB)->state, FrameState::retired);
    Stretch more{2_MiB, 64_KiB};
    auto second = tree.unmap_step(more);
    first.value().join(std::move(second.value()));
    tree.pay(std::move(first));
    EXPECT_EQ(tree.nobody.flushes, 1u);
    EXPECT_EQ(board.frames.totals().free_guest_bytes, free - 2_MiB + 128_KiB);
}

TEST(TreeDeathTest, ADebtThatIsDroppedTraps) {
    Board board;
    Tree64 tree{board, isa::sv39x4};
    ASSERT_TRUE(tree.map(0, {memory, 4_KiB}, {}).ok());
    EXPECT_DEATH(
        {
            Stretch rest{.start = 0};
            rest.size = 4_KiB;
            auto debt = tree.unmap_step(rest);
        },
        "paid_");
}

TEST(Tree, RoomIsTheLargestEmptyBlock) {
    Board board;
    Tree64 tree{board, isa::sv39x4};
    Stretch const within{0x8000'0000, 1_GiB};
    EXPECT_EQ(tree.room_around(0x8000'0000, within, 1_GiB), 1_GiB);
    EXPECT_EQ(tree.room_around(0x8020'1000, within, 2_MiB), 2_MiB);
    EXPECT_EQ(tree.room_around(0x8000'0000, {0x8000'0000, 3_MiB}, 1_GiB), 2_MiB);
    EXPECT_EQ(tree.room_around(0x802f'f000, {0x8000'0000, 3_MiB}, 1_GiB), 1_MiB);
    ASSERT_TRUE(tree.map(0x8020'0000, {memory, 4_KiB}, {}).ok());
    EXPECT_EQ(tree.room_around(0x8020'0000, within, 1_GiB), 0u);
    EXPECT_EQ(tree.room_around(0x8020'1000, within, 1_GiB), 4_KiB);
    EXPECT_EQ(tree.room_around(0x8021'0000, within, 1_GiB), 64_KiB);
    EXPECT_EQ(tree.room_around(0x8030'0000, within, 1_GiB), 1_MiB);
    EXPECT_EQ(tree.room_around(0x8000'0000, within, 1_GiB), 2_MiB);
    EXPECT_EQ(tree.room_around(0x8040'0000, within, 1_GiB), 4_MiB);
    EXPECT_EQ(tree.room_around(0xa000'0000, within, 1_GiB), 512_MiB);
}

}  // namespace
}  // namespace antler::memory
