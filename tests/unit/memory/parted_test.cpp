// Spaces whose devices walk a tree of their own.
#include "memory/parted.hpp"

#include <gtest/gtest.h>

#include "base/units.hpp"
#include "isa/walk.hpp"
#include "memory/audit.hpp"
#include "memory/guest_ram.hpp"
#include "tests/fake/memory.hpp"

namespace antler::memory {
namespace {

using isa::Features;
using isa::GStageMode;
using isa::Permissions;

constexpr OwnerId web{1};
constexpr Gpa ram{0x8000'0000};

// Who watches is told apart: what devices must forget, and what they need not hear of.
struct Recorder final : Observer {
    u64 heard = 0, spared = 0;
    void flush(FlushRequest const& request) override { ++(request.concerns_devices() ? heard : spared); }
    [[nodiscard]] bool marks_pages() const override { return false; }
};

struct World {
    explicit World(bool napot = false) {
        features.svnapot = napot;
        EXPECT_TRUE(house.create(board.frames, features).ok());
        EXPECT_TRUE(view.create(house, 0).ok());
        board.memory.satp = view.satp();
        EXPECT_TRUE(space.create(GStageMode::sv39x4, features, DeviceTree::own).ok());
        space.observers().attach(iommu);
    }
    ~World() {
        space.observers().detach(iommu);
        while (!space.destroy_step()) {
        }
        EXPECT_EQ(board.frames.accounting(web), Use{}) << "everything comes back";
    }
    World(World const&) = delete;
    World& operator=(World const&) = delete;

    Page<Zeroed> page(Order order) {
        return PageMaker::make<Zeroed>(PageMaker::unmake(board.frames.take(Pool::guest, order, web).value()));
    }
    // As an IOMMU walks that sets neither A nor D; as a hart does that is as strict.
    [[nodiscard]] std::optional<isa::Leaf> walk(Hpa root, Gpa at, isa::Access access) {
        isa::Stage const stage{
            isa::scheme_of(GStageMode::sv39x4), root.raw(), {features.svnapot, true}, false};
        auto const found = isa::walk_g_stage(board.memory, stage, at, {.access = access, .user = true});
        auto const* const leaf = std::get_if<isa::Leaf>(&found);
        return leaf == nullptr ? std::nullopt : std::optional{*leaf};
    }
    [[nodiscard]] bool device_writes(Gpa at) {
        return walk(space.device_root(), at, isa::Access::store).has_value();
    }
    [[nodiscard]] bool hart_writes(Gpa at) { return walk(space.root(), at, isa::Access::store).has_value(); }
    [[nodiscard]] char const* wrong() {
        auto const finding = audit(space, true);
        return finding ? finding->what : nullptr;
    }

    Features features = Features::all();
    fake::Board board{};
    House house{};
    HartView view{};
    Tags tags{14};
    Recorder iommu{};
    Space space{board.frames, tags, web};
};

TEST(Parted, AMappedPageIsInBothTreesAndLeavesBothAtOnce) {
    World world;
    EXPECT_NE(world.space.root(), world.space.device_root());
    ASSERT_TRUE(world.space.map(ram, world.page(order_2m)).ok());
    EXPECT_EQ(world.board.frames.accounting(web).guest_bytes, 2_MiB) << "it is one page";
    EXPECT_TRUE(world.device_writes(ram + 1_MiB) && world.hart_writes(ram + 1_MiB));
    GpaRange middle{ram + 1_MiB, 8_KiB};
    auto debt = world.space.unmap_step(middle);
    ASSERT_TRUE(debt.ok());
    EXPECT_EQ(middle.size, 0u);
    EXPECT_FALSE(world.device_writes(ram + 1_MiB) || world.hart_writes(ram + 1_MiB));
    EXPECT_EQ(world.board.frames.accounting(web).guest_bytes, 2_MiB) << "devices may still have it";
    std::move(debt).value().pay(world.space.observers());
    EXPECT_EQ(world.iommu.heard, 1u);
    EXPECT_EQ(world.board.frames.accounting(web).guest_bytes, 2_MiB - 8_KiB);
    EXPECT_TRUE(world.device_writes(ram + 2_MiB - 4_KiB) && world.hart_writes(ram));
    EXPECT_EQ(world.wrong(), nullptr);
}

TEST(Parted, WhatDevicesHaveFromTheStartHartsFindWhenTheyTouchIt) {
    World world;
    constexpr u64 bytes = 6_MiB + 12_KiB;
    GuestRam memory{world.space, {ram, bytes}, {}, true};
    while (!memory.fill_step(world.view, 1_MiB).value()) {
    }
    for (u64 i = 0; i < bytes; i += page_bytes) {
        ASSERT_TRUE(world.device_writes(ram + i));
        ASSERT_FALSE(world.space.lookup(ram + i));
    }
    EXPECT_EQ(world.space.lookup_kept(ram)->leaf_bytes, 2_MiB);
    auto const filled = world.board.frames.accounting(web).guest_bytes;
    EXPECT_EQ(filled, bytes);
    EXPECT_FALSE(memory.populate_gap(world.view, ram + 2_MiB, 2_MiB, [] {})) << "nothing new comes there";
    auto const first = memory.populate(world.view, ram + 2_MiB + 12345).value();
    EXPECT_TRUE(first.stale.is_all() && !first.was_there);
    EXPECT_EQ(world.space.lookup(ram + 4_MiB - 1)->at, world.space.lookup_kept(ram + 4_MiB - 1)->at);
    EXPECT_FALSE(world.space.lookup(ram + 4_MiB));
    EXPECT_FALSE(memory.populate_gap(world.view, ram + 4_MiB, 2_MiB, [] {}));
    EXPECT_FALSE(memory.populate(world.view, ram + 4_MiB).value().stale.is_all());
    EXPECT_TRUE(memory.populate(world.view, ram + 4_MiB).value().was_there);
    ASSERT_TRUE(memory.populate(world.view, ram + 6_MiB + 8_KiB).ok());
    EXPECT_EQ(memory.populate(world.view, ram + bytes).error(), Error::out_of_range);
    EXPECT_EQ(world.board.frames.accounting(web).guest_bytes, filled);
    EXPECT_EQ(world.iommu.heard + world.iommu.spared, 0u) << "what was invalid is in no cache";
    EXPECT_EQ(world.wrong(), nullptr);
}

TEST(Parted, APageThatHartsWereNeverShownGoesFromDevices) {
    World world;
    GuestRam memory{world.space, {ram, 4_MiB}, {}, true};
    while (!memory.fill_step(world.view, 4_MiB).value()) {
    }
    ASSERT_TRUE(world.space.unmap({ram + 1_MiB, 4_KiB}).ok());
    EXPECT_EQ(world.iommu.heard, 1u);
    EXPECT_FALSE(world.device_writes(ram + 1_MiB));
    EXPECT_EQ(world.board.frames.accounting(web).guest_bytes, 4_MiB - 4_KiB);
    // What went comes back for both, and as much as was there before is shown.
    ASSERT_TRUE(memory.populate(world.view, ram + 1_MiB).ok());
    EXPECT_TRUE(world.device_writes(ram + 1_MiB) && world.hart_writes(ram + 1_MiB));
    EXPECT_FALSE(world.hart_writes(ram + 1_MiB + 4_KiB));
    ASSERT_TRUE(memory.populate(world.view, ram + 1_MiB + 4_KiB).ok());
    EXPECT_TRUE(world.hart_writes(ram + 1_MiB + 4_KiB));
    EXPECT_EQ(world.board.frames.accounting(web).guest_bytes, 4_MiB);
    EXPECT_EQ(world.wrong(), nullptr);
}

TEST(Parted, HartsTellWhatTheyWriteAndDevicesHearNothingOfIt) {
    World world;
    ASSERT_TRUE(world.space.map(ram, world.page(order_2m)).ok());
    GpaRange range{ram, 2_MiB};
    while (range.size != 0) std::move(world.space.log_step(range)).value().pay(world.space.observers());
    EXPECT_EQ(world.iommu.heard, 0u);
    EXPECT_NE(world.iommu.spared, 0u);
    EXPECT_FALSE(world.hart_writes(ram)) << "a hart that sets no D faults, and is answered";
    EXPECT_TRUE(world.device_writes(ram)) << "a device would fail for good";
    EXPECT_FALSE(world.space.lookup(ram)->how.dirty);
    EXPECT_TRUE(world.space.tells_what_is_written());
    EXPECT_TRUE(world.space.may_be_written(ram)) << "a device may have done it at any time";
    EXPECT_FALSE(world.space.may_be_written(ram + 2_MiB));
    // The same by permissions, which devices have to hear of.
    ASSERT_TRUE(
        world.space.protect({ram, 4_KiB}, {.read = true, .write = false, .execute = true}, false).ok());
    EXPECT_EQ(world.iommu.heard, 1u);
    EXPECT_FALSE(world.device_writes(ram));
    EXPECT_TRUE(world.device_writes(ram + 4_KiB));
    EXPECT_FALSE(world.space.may_be_written(ram));
    EXPECT_EQ(world.wrong(), nullptr);
}

TEST(Parted, ManySmallLeavesOfHartsGoWithOneOfDevices) {
    World world;
    for (u64 i = 0; i < 4; ++i) ASSERT_TRUE(world.space.map(ram + i * 2_MiB, world.page(order_2m)).ok());
    for (u64 i = 0; i < 4; ++i)
        std::move(world.space.split(ram + i * 2_MiB, 4_KiB)).value().pay(world.space.observers());
    EXPECT_EQ(world.iommu.heard, 0u);
    EXPECT_EQ(world.space.lookup(ram)->leaf_bytes, 4_KiB);
    EXPECT_EQ(world.space.lookup_kept(ram)->leaf_bytes, 2_MiB);
    // Permissions go as far as a step of harts' leaves does.
    auto const tables = world.board.frames.accounting(web).house_bytes;
    ASSERT_TRUE(world.space.protect({ram, 4_MiB}, {.read = true, .write = false, .execute = true}).ok());
    EXPECT_FALSE(world.device_writes(ram + 4_MiB - 1) || world.hart_writes(ram + 4_MiB - 1));
    EXPECT_TRUE(world.device_writes(ram + 4_MiB));
    EXPECT_EQ(world.space.lookup_kept(ram)->leaf_bytes, 2_MiB) << "nothing of devices was cut";
    EXPECT_EQ(world.board.frames.accounting(web).house_bytes, tables);
    std::move(world.space.merge(ram)).pay(world.space.observers());
    EXPECT_EQ(world.space.lookup(ram)->leaf_bytes, 2_MiB);
    EXPECT_EQ(world.wrong(), nullptr);
    GpaRange range{ram, 8_MiB};
    auto debt = world.space.unmap_step(range);
    ASSERT_TRUE(debt.ok());
    EXPECT_EQ(range.size, 0u) << "in one step";
    std::move(debt).value().pay(world.space.observers());
    EXPECT_EQ(world.board.frames.accounting(web).guest_bytes, 0u);
}

TEST(Parted, HartsLeavesAreNeverLargerThanThoseOfDevices) {
    World world{true};
    ASSERT_TRUE(world.space.map(ram, world.page(order_2m)).ok());
    // Cut for devices and so for harts; joined again while devices' cannot be.
    ASSERT_TRUE(world.space.unmap({ram + 64_KiB, 4_KiB}).ok());
    EXPECT_EQ(world.space.lookup_kept(ram)->leaf_bytes, 64_KiB);
    EXPECT_EQ(world.space.lookup(ram)->leaf_bytes, 64_KiB);
    EXPECT_EQ(world.space.lookup(ram + 68_KiB)->leaf_bytes, 4_KiB);
    std::move(world.space.merge(ram + 68_KiB)).pay(world.space.observers());
    EXPECT_EQ(world.wrong(), nullptr);
    ASSERT_TRUE(world.space.unmap({ram, 2_MiB}).ok());
    EXPECT_EQ(world.board.frames.accounting(web).guest_bytes, 0u);
}

TEST(Parted, WithoutMemoryNothingIsHalfDone) {
    World world;
    ASSERT_TRUE(world.space.map(ram, world.page(order_2m)).ok());
    auto const before = world.board.frames.accounting(web);
    // Two tables for devices, two for harts.
    for (u64 after = 0; after < 4; ++after) {
        auto page = world.page(order_4k);
        fake::Shortage const shortage{world.board.frames, after};
        EXPECT_EQ(world.space.map(ram + 1_GiB, std::move(page)).error(), Error::no_memory);
        EXPECT_FALSE(world.space.lookup(ram + 1_GiB) || world.space.lookup_kept(ram + 1_GiB));
        EXPECT_EQ(world.board.frames.accounting(web), before);
    }
    for (u64 after = 0; after < 2; ++after) {
        auto page = world.page(order_4k);
        fake::Shortage const shortage{world.board.frames, after};
        EXPECT_EQ(world.space.keep(ram + 1_GiB, std::move(page)).error(), Error::no_memory);
        EXPECT_EQ(world.board.frames.accounting(web), before);
    }
    // A table for each tree, where a leaf of each is cut.
    for (u64 after = 0; after < 2; ++after) {
        fake::Shortage const shortage{world.board.frames, after};
        EXPECT_EQ(world.space.unmap({ram + 4_KiB, 4_KiB}).error(), Error::no_memory);
        EXPECT_TRUE(world.device_writes(ram + 4_KiB) && world.hart_writes(ram + 4_KiB));
        EXPECT_EQ(world.wrong(), nullptr);
    }
    {
        fake::Shortage const shortage{world.board.frames, 0};
        EXPECT_EQ(world.space.protect({ram + 4_KiB, 4_KiB}, {.read = true}).error(), Error::no_memory);
        EXPECT_TRUE(world.device_writes(ram + 4_KiB) && world.hart_writes(ram + 4_KiB));
    }
    ASSERT_TRUE(world.space.unmap({ram + 4_KiB, 4_KiB}).ok());
    EXPECT_EQ(world.wrong(), nullptr);
    // A root for each.
    Space other{world.board.frames, world.tags, OwnerId{2}};
    for (u64 after = 0; after < 2; ++after) {
        fake::Shortage const shortage{world.board.frames, after};
        EXPECT_EQ(other.create(GStageMode::sv39x4, world.features, DeviceTree::own).error(),
                  Error::no_memory);
        EXPECT_EQ(world.board.frames.accounting(OwnerId{2}), Use{});
        EXPECT_FALSE(other.is_parted());
    }
    ASSERT_TRUE(other.create(GStageMode::sv39x4, world.features).ok()) << "it may be another one";
    EXPECT_EQ(other.root(), other.device_root());
    EXPECT_EQ(other.show(ram, {ram, 2_MiB}).error(), Error::bad_state);
    while (!other.destroy_step()) {
    }
}

TEST(Parted, AnotherLifeBeginsWithNothingOfTheFormer) {
    World world;
    for (u64 i = 0; i < 200; ++i) ASSERT_TRUE(world.space.map(ram + i * 12_KiB, world.page(order_4k)).ok());
    u64 steps = 1;
    while (!world.space.destroy_step()) ++steps;
    EXPECT_GT(steps, 2 * 200 / entries_a_step);
    EXPECT_EQ(world.board.frames.accounting(web), Use{});
    ASSERT_TRUE(world.space.create(GStageMode::sv39x4, world.features, DeviceTree::own).ok());
    EXPECT_FALSE(world.space.lookup_kept(ram));
    EXPECT_EQ(world.wrong(), nullptr);
}

TEST(Parted, TheAuditFindsWhatOneTreeHasAndTheOtherHasNot) {
    World world;
    ASSERT_TRUE(world.space.map(ram, world.page(order_4k)).ok());
    auto const with = [&](auto const& change, std::string_view expected) {
        world.space.with_trees(change);
        auto const found = world.wrong();
        ASSERT_NE(found, nullptr);
        EXPECT_EQ(found, expected);
    };
    auto const protect = [](Stage2& tree, Permissions may, bool dirty) {
        Stretch one{ram.raw(), page_bytes};
        struct Nobody {
            void flush(FlushRequest const&) {}
        } nobody;
        std::move(tree.protect_step(one, may, dirty)).value().pay(nobody);
    };
    with([&](Stage2&, Stage2& devices) { protect(devices, Permissions::all(), false); },
         "a device would fail at a leaf");
    with([&](Stage2&, Stage2& devices) { protect(devices, {.read = true}, true); },
         "harts may do there what devices may not, or otherwise");
    world.space.with_trees([&](Stage2&, Stage2& devices) { protect(devices, Permissions::all(), true); });
    EXPECT_EQ(world.wrong(), nullptr);
    auto const frame = world.space.lookup(ram)->at;
    with(
        [&](Stage2& harts, Stage2&) {
            (void)harts.map((ram + 4_KiB).raw(), {frame, page_bytes}, {.holding = Holding::owned});
        },
        "harts see what is not kept for them");
    world.space.with_trees([&](Stage2& harts, Stage2&) {
        auto debt = harts.hide({(ram + 4_KiB).raw(), page_bytes});
        std::move(debt).pay(world.space.observers());
    });
    with(
        [&](Stage2&, Stage2& devices) {
            (void)devices.map((ram + 4_KiB).raw(), {frame, page_bytes}, {.holding = Holding::owned});
        },
        "a frame is mapped twice");
    // Undone by hand, for no debt may free a frame twice.
    world.space.with_trees([&](Stage2&, Stage2& devices) {
        auto const middle = world.board.memory.read64(Hpa{devices.gigabyte_entry(2).target()});
        auto* const table = reinterpret_cast<u64*>(world.board.memory.at(Hpa{isa::Pte{*middle}.target()}));
        table[1] = 0;
    });
    EXPECT_EQ(world.wrong(), nullptr);
}

}  // namespace
}  // namespace antler::memory
