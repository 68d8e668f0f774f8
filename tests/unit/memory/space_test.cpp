// Spaces: pages with owners, observers that hear of changes, and harts that come and go.
#include "memory/space.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "base/units.hpp"
#include "memory/audit.hpp"
#include "tests/fake/memory.hpp"

namespace antler::memory {
namespace {

using fake::Board;
using isa::Features;
using isa::GStageMode;
using isa::Permissions;

constexpr OwnerId web{1}, database{2};
constexpr Gpa ram{0x8000'0000};

struct World {
    Board board{};
    Tags tags{14};
};

struct OneSpace : Space {
    OneSpace(World& world, OwnerId owner) : Space{world.board.frames, world.tags, owner} {
        EXPECT_TRUE(create(GStageMode::sv39x4, Features::all()).ok());
    }
    ~OneSpace() {
        while (!destroy_step()) {
        }
    }
};

Page<Zeroed> zeroed(World& world, Order order, OwnerId owner) {
    // The arena starts out zero, and nothing has written to it.
    return PageMaker::make<Zeroed>(
        PageMaker::unmake(world.board.frames.take(Pool::guest, order, owner).value()));
}

template <class P>
concept CanBeMapped = requires(Space& space, P&& page) { space.map(ram, std::move(page)); };

TEST(Space, ADirtyPageCannotBeShownToAGuest) {
    EXPECT_FALSE(CanBeMapped<Page<Dirty>>);
    EXPECT_TRUE(CanBeMapped<Page<Zeroed>> && CanBeMapped<Page<Filled>> && CanBeMapped<Page<Shared>>);
}

TEST(Space, AMappedPageBelongsToTheTreeUntilItIsUnmapped) {
    World world;
    OneSpace space{world, web};
    auto const free = world.board.frames.totals().free_guest_bytes;
    ASSERT_TRUE(space.map(ram, zeroed(world, order_2m, web)).ok());
    EXPECT_EQ(space.lookup(ram + 5)->leaf_bytes, 2_MiB);
    EXPECT_EQ(world.board.frames.accounting(web).guest_bytes, 2_MiB);
    EXPECT_FALSE(audit(space, true));
    ASSERT_TRUE(space.unmap({ram + 64_KiB, 4_KiB}).ok());
    EXPECT_FALSE(space.lookup(ram + 64_KiB));
    EXPECT_TRUE(space.lookup(ram + 68_KiB));
    EXPECT_FALSE(audit(space, true));
    ASSERT_TRUE(space.unmap({ram, 2_MiB}).ok());
    EXPECT_EQ(world.board.frames.totals().free_guest_bytes, free);
}

TEST(Space, APageThatCannotBeMappedGoesBack) {
    World world;
    OneSpace space{world, web};
    ASSERT_TRUE(space.map(ram, zeroed(world, order_4k, web)).ok());
    auto const before = world.board.frames.accounting(web);
    EXPECT_EQ(space.map(ram, zeroed(world, order_4k, web)).error(), Error::already_exists);
    EXPECT_EQ(space.map(ram + 100, zeroed(world, order_4k, web)).error(), Error::misaligned);
    {
        fake::Shortage const shortage{world.board.frames, 0};
        EXPECT_EQ(space.map(ram + 1_GiB, zeroed(world, order_4k, web)).error(), Error::no_memory);
    }
    EXPECT_EQ(world.board.frames.accounting(web), before);
}

TEST(Space, CreatingOneFailsCleanlyWithoutMemoryOrTheScheme) {
    World world;
    Space space{world.board.frames, world.tags, web};
    Features narrow = Features::all();
    narrow.sv57x4 = false;
    EXPECT_EQ(space.create(GStageMode::sv57x4, narrow).error(), Error::not_supported);
    EXPECT_EQ(space.create(GStageMode::bare, narrow).error(), Error::not_supported);
    {
        fake::Shortage const shortage{world.board.frames, 0};
        EXPECT_EQ(space.create(GStageMode::sv39x4, narrow).error(), Error::no_memory);
    }
    EXPECT_EQ(world.board.frames.accounting(web), Use{});
    EXPECT_EQ(space.map(ram, zeroed(world, order_4k, web)).error(), Error::bad_state);
}

TEST(Space, TheRootIsSixteenKibibytesAndAlignedSo) {
    RecordProperty("rules", "norm:hgatp_ppn_op norm:hgatp_mode_x4");
    World world;
    OneSpace space{world, web};
    EXPECT_TRUE(space.root().is_aligned(16_KiB));
    EXPECT_EQ(space.admit(0).hgatp.root(), space.root());
}

TEST(Space, ASharedPageIsReadOnlyInEverySpace) {
    World world;
    OneSpace one{world, web};
    OneSpace two{world, database};
    auto page = vouch_for(zeroed(world, order_64k, web));
    auto first = world.board.frames.share(std::move(page));
    auto second = world.board.frames.share_again(first);
    auto const free = world.board.frames.totals().free_guest_bytes;
    ASSERT_TRUE(one.map(ram, std::move(first)).ok());
    ASSERT_TRUE(two.map(ram + 1_MiB, std::move(second)).ok());
    EXPECT_EQ(one.lookup(ram)->at, two.lookup(ram + 1_MiB)->at);
    EXPECT_FALSE(one.lookup(ram)->how.may.write);
    ASSERT_TRUE(two.protect({ram + 1_MiB, 64_KiB}, Permissions::all()).ok());
    EXPECT_FALSE(two.lookup(ram + 1_MiB)->how.may.write);
    EXPECT_FALSE(audit(one, false));
    EXPECT_FALSE(audit(two, false));
    ASSERT_TRUE(one.unmap({ram, 64_KiB}).ok());
    EXPECT_EQ(world.board.frames.totals().free_guest_bytes, free);
    ASSERT_TRUE(two.unmap({ram + 1_MiB, 64_KiB}).ok());
    EXPECT_EQ(world.board.frames.totals().free_guest_bytes, free + 64_KiB);
}

TEST(Space, TheAuditFindsAPageInTwoPlaces) {
    World world;
    OneSpace one{world, web};
    OneSpace two{world, database};
    auto const block = PageMaker::unmake(zeroed(world, order_4k, web));
    ASSERT_TRUE(one.map(ram, PageMaker::make<Zeroed>(block)).ok());
    ASSERT_TRUE(two.map(ram, PageMaker::make<Zeroed>(block)).ok());
    EXPECT_FALSE(audit(one, true));
    ASSERT_TRUE(audit(two, false));
    EXPECT_EQ(audit(two, false)->frame, block.start);
    ASSERT_TRUE(one.map(ram + 4_KiB, PageMaker::make<Zeroed>(block)).ok());
    EXPECT_STREQ(audit(one, true)->what, "a frame is mapped twice");
    // Undone by hand, for no debt may free a frame twice.
    for (auto* space : {static_cast<Space*>(&one), static_cast<Space*>(&two)}) {
        space->with_tree([&](Stage2& tree) {
            auto const middle = world.board.memory.read64(Hpa{tree.gigabyte_entry(2).target()});
            auto* const table = world.board.memory.at(Hpa{isa::Pte{*middle}.target()});
            std::memset(table, 0, 16);
        });
        EXPECT_FALSE(space->lookup(ram));
    }
    world.board.frames.give_back(PageMaker::make<Zeroed>(block));
}

struct Recorder final : Observer {
    u64 flushes = 0;
    bool marks = true;
    void flush(FlushRequest const&) override { ++flushes; }
    [[nodiscard]] bool marks_pages() const override { return marks; }
};

TEST(Space, TellsWhatIsWrittenUnlessSomebodyWouldFailThere) {
    World world;
    OneSpace space{world, web};
    ASSERT_TRUE(space.map(ram, zeroed(world, order_2m, web)).ok());
    Recorder iommu;
    iommu.marks = false;
    space.observers().attach(iommu);
    EXPECT_EQ(space.protect({ram, 4_KiB}, Permissions::all(), false).error(), Error::not_supported);
    EXPECT_FALSE(space.tells_what_is_written());
    EXPECT_TRUE(space.lookup(ram)->how.dirty);
    ASSERT_TRUE(space.protect({ram, 4_KiB}, Permissions::all()).ok());
    iommu.marks = true;
    ASSERT_TRUE(space.protect({ram, 4_KiB}, Permissions::all(), false).ok());
    EXPECT_TRUE(space.tells_what_is_written());
    EXPECT_FALSE(space.lookup(ram)->how.dirty);
    EXPECT_TRUE(space.lookup(ram + 4_KiB)->how.dirty);
    iommu.marks = false;
    EXPECT_EQ(space.protect({ram + 4_KiB, 4_KiB}, Permissions::all(), false).error(), Error::not_supported);
    EXPECT_TRUE(space.tells_what_is_written()) << "there is one still";
    space.observers().detach(iommu);
}

TEST(Space, OnlyHartsThatRunInItAreInterrupted) {
    World world;
    OneSpace space{world, web};
    ASSERT_TRUE(space.map(ram, zeroed(world, order_2m, web)).ok());
    std::optional<HartMask> told;
    world.board.memory.on_flush_harts = [&](HartMask const& harts, Space&, FlushRequest const&) {
        told = harts;
    };
    Recorder iommu;
    space.observers().attach(iommu);

    // Hart 70 ran here once, hart 3 runs here.
    EXPECT_TRUE(space.admit(70).must_fence);
    space.observers().active().add(3);
    EXPECT_TRUE(space.admit(3).must_fence);
    EXPECT_FALSE(space.admit(70).must_fence);  // it has fenced since
    ASSERT_TRUE(space.unmap({ram, 4_KiB}).ok());
    ASSERT_TRUE(told);
    EXPECT_TRUE(told->has(3) && !told->has(70));
    EXPECT_EQ(iommu.flushes, 1u);
    EXPECT_TRUE(space.admit(70).must_fence);  // hears of it when it comes back
    space.observers().active().remove(3);

    told.reset();
    space.observers().detach(iommu);
    ASSERT_TRUE(space.unmap({ram + 4_KiB, 4_KiB}).ok());
    EXPECT_FALSE(told);
    EXPECT_EQ(iommu.flushes, 1u);
}

TEST(Space, AfterARollOverEveryHartFencesTheNewVmid) {
    RecordProperty("rules", "norm:asid_hart_private norm:hgatp_op_hfence_gvma");
    World world;
    Tags few{1};
    Space one{world.board.frames, few, web};
    ASSERT_TRUE(one.create(GStageMode::sv39x4, Features::all()).ok());
    auto const first = one.admit(0);
    EXPECT_FALSE(one.admit(0).must_fence);
    {
        Space two{world.board.frames, few, database};
        Space three{world.board.frames, few, database};
        ASSERT_TRUE(two.create(GStageMode::sv39x4, Features::all()).ok());
        ASSERT_TRUE(three.create(GStageMode::sv39x4, Features::all()).ok());
        auto const second = two.admit(0);
        EXPECT_TRUE(second.must_fence);  // VMID 1 is the only one: the second generation begins
        EXPECT_EQ(second.tag.vmid(), first.tag.vmid());
        EXPECT_FALSE(one.is_current(first.tag));
        EXPECT_TRUE(three.admit(0).must_fence);
        EXPECT_FALSE(two.is_current(second.tag));
        while (!two.destroy_step() || !three.destroy_step()) {
        }
    }
    EXPECT_TRUE(one.admit(0).must_fence);
    EXPECT_TRUE(one.admit(1).must_fence);
    while (!one.destroy_step()) {
    }
}

TEST(Space, WithoutVmidsEachEntryFences) {
    World world;
    Tags none{0};
    Space space{world.board.frames, none, web};
    ASSERT_TRUE(space.create(GStageMode::sv39x4, Features::all()).ok());
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(space.admit(0).must_fence);
    while (!space.destroy_step()) {
    }
}

TEST(Space, ItsEndGivesEverythingBackInSteps) {
    World world;
    auto const before = world.board.frames.totals();
    {
        Space space{world.board.frames, world.tags, web};
        ASSERT_TRUE(space.create(GStageMode::sv48x4, Features::all()).ok());
        for (u64 i = 0; i < 512; ++i)
            ASSERT_TRUE(space.map(ram + i * 3 * 4_KiB, zeroed(world, order_4k, web)).ok());
        u64 steps = 1;
        while (!space.destroy_step()) ++steps;
        EXPECT_GT(steps, 512 / entries_a_step);
        EXPECT_TRUE(space.destroy_step());
        // And it can live again.
        ASSERT_TRUE(space.create(GStageMode::sv39x4, Features::all()).ok());
        while (!space.destroy_step()) {
        }
    }
    auto const after = world.board.frames.totals();
    EXPECT_EQ(after.free_guest_bytes, before.free_guest_bytes);
    EXPECT_EQ(after.free_house_bytes, before.free_house_bytes);
    EXPECT_EQ(world.board.frames.accounting(web), Use{});
}

}  // namespace
}  // namespace antler::memory
