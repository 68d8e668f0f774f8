// The house's own tables and the windows of each hart.
#include "memory/house.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "base/units.hpp"
#include "memory/audit.hpp"
#include "memory/guest_ram.hpp"
#include "memory/hart_view.hpp"
#include "tests/fake/memory.hpp"

namespace antler::memory {
namespace {

using fake::Board;
using isa::Access;
using isa::Features;
using isa::GStageMode;

constexpr OwnerId web{1}, database{2};
constexpr Hpa bank{0x8000'0000};
constexpr Gpa ram{0x8000'0000};

struct Machine {
    explicit Machine(u32 harts = 1, u8 vmid_bits = 14)
        : board{{{bank, 64_MiB}}, 4_MiB, {{bank, 2_MiB}}}, tags{vmid_bits} {
        EXPECT_TRUE(house.create(board.frames, Features::all()).ok());
        for (u32 i = 0; i < harts; ++i) {
            views.push_back(std::make_unique<HartView>());
            EXPECT_TRUE(views.back()->create(house, i).ok());
        }
        board.memory.satp = views[0]->satp();
        board.memory.on_flush_harts = [this](HartMask const& mask, Space& space,
                                             FlushRequest const& request) {
            mask.for_each([&](u32 hart) {
                views[hart]->flush(
                    space, request, [&](u16) { ++whole_fences; }, [&](Gpa, u16) { ++page_fences; });
            });
        };
    }
    [[nodiscard]] std::optional<isa::Leaf> see(u32 hart, Hva at, Access access = Access::load) {
        auto const stage = isa::one_stage(views[hart]->satp(), Features::all(), false);
        auto const walk = isa::walk_one_stage(board.memory, stage, at, {.access = access, .sum = true});
        auto const* const leaf = std::get_if<isa::Leaf>(&walk);
        return leaf == nullptr ? std::nullopt : std::optional{*leaf};
    }
    void enter(u32 hart, Space& space) {
        views[hart]->enter(space, [&](Space::Ticket const& ticket) {
            ++switches;
            last = ticket;
        });
    }
    void leave(u32 hart) {
        views[hart]->leave([] {});
    }

    Board board;
    Tags tags;
    House house{};
    std::vector<std::unique_ptr<HartView>> views{};
    u64 whole_fences = 0, page_fences = 0, switches = 0;
    Space::Ticket last{};
};

struct OneSpace : Space {
    OneSpace(Machine& machine, OwnerId owner) : Space{machine.board.frames, machine.tags, owner} {
        EXPECT_TRUE(create(GStageMode::sv39x4, Features::all()).ok());
    }
    ~OneSpace() {
        while (!destroy_step()) {
        }
    }
};

TEST(House, HousePagesAreWhereTheyAreAndGuestPagesNowhere) {
    Machine machine;
    for (u64 at = 0; at < 64_MiB; at += 4_KiB) {
        auto const info = machine.board.frames.inspect(bank + at);
        auto const seen = machine.see(0, Hva{bank.raw() + at});
        bool const in_table = machine.board.frames.table_range().contains(bank + at);
        bool const house = (info && info->block.pool == Pool::house) || in_table;
        ASSERT_EQ(seen.has_value(), house) << std::hex << at;
        if (!seen) continue;
        ASSERT_EQ(seen->physical, bank + at);
        ASSERT_TRUE(seen->may.write && !seen->may.execute && !seen->user);
    }
}

TEST(House, NothingIsWritableAndExecutable) {
    Machine machine;
    ASSERT_TRUE(machine.house.map_memory({bank, 64_KiB}, HouseAccess::read_execute).ok());
    ASSERT_TRUE(machine.house.map_memory({bank + 64_KiB, 64_KiB}, HouseAccess::read).ok());
    EXPECT_TRUE(machine.see(0, Hva{bank.raw()}, Access::fetch));
    EXPECT_FALSE(machine.see(0, Hva{bank.raw()}, Access::store));
    EXPECT_FALSE(machine.see(0, Hva{bank.raw() + 64_KiB}, Access::store));
    EXPECT_FALSE(machine.see(0, Hva{bank.raw() + 64_KiB}, Access::fetch));
}

TEST(House, AGuardPageIsUnmappedOnEveryHart) {
    Machine machine{3};
    auto stack = machine.board.frames.take(Pool::house, order_64k, house_owner).value();
    auto const flushes = machine.board.memory.house_flushes;
    ASSERT_TRUE(machine.house.protect({stack.start(), 4_KiB}, HouseAccess::none).ok());
    EXPECT_GT(machine.board.memory.house_flushes, flushes);
    for (u32 hart = 0; hart < 3; ++hart) {
        EXPECT_FALSE(machine.see(hart, Hva{stack.start().raw()}));
        EXPECT_TRUE(machine.see(hart, Hva{stack.start().raw() + 4_KiB}, Access::store));
    }
    ASSERT_TRUE(machine.house.map_memory({stack.start(), 4_KiB}, HouseAccess::read_write).ok());
    EXPECT_TRUE(machine.see(2, Hva{stack.start().raw()}));
    machine.board.frames.give_back(std::move(stack));
}

TEST(House, ADeviceIsMappedOnceOnEveryHart) {
    Machine machine{2};
    ASSERT_TRUE(machine.house.map_device({Hpa{0x1000'0000}, 0x100}).ok());
    ASSERT_TRUE(
        machine.house.map_device({Hpa{0x1000'0080}, 0x1000}).ok());  // overlaps, and reaches the next page
    ASSERT_TRUE(machine.house.map_device({Hpa{0xc00'0000}, 0x60'0000}).ok());
    for (u32 hart = 0; hart < 2; ++hart) {
        EXPECT_TRUE(machine.see(hart, Hva{0x1000'1000}, Access::store));
        EXPECT_FALSE(machine.see(hart, Hva{0x1000'2000}));
        EXPECT_EQ(machine.see(hart, Hva{0xc20'1004})->physical, Hpa{0xc20'1004});
    }
}

TEST(House, AGranuleChangesPoolWithAFlushOnEveryHart) {
    Machine machine{2};
    auto const before = machine.board.frames.totals();
    auto const flushes = machine.board.memory.house_flushes;
    ASSERT_TRUE(
        ensure_free(machine.board.frames, machine.house, Pool::house, before.free_house_bytes + 1).ok());
    auto const after = machine.board.frames.totals();
    EXPECT_GE(after.free_house_bytes, before.free_house_bytes + 1);
    EXPECT_EQ(after.free_guest_bytes, before.free_guest_bytes - 2_MiB);
    EXPECT_GT(machine.board.memory.house_flushes, flushes);
    ASSERT_TRUE(move_granule(machine.board.frames, machine.house, Pool::guest).ok());
    EXPECT_EQ(machine.board.frames.totals().free_guest_bytes, before.free_guest_bytes);
    // What was flushed was unmapped before.
    for (u64 at = 0; at < 64_MiB; at += 2_MiB) {
        auto const info = machine.board.frames.inspect(bank + at);
        if (info && info->block.pool == Pool::guest) {
            EXPECT_FALSE(machine.see(1, Hva{bank.raw() + at}));
        }
    }
}

TEST(House, WithoutMemoryForTablesAGranuleStaysWhereItIs) {
    Machine machine;
    auto const before = machine.board.frames.totals();
    EXPECT_FALSE(ensure_free(machine.board.frames, machine.house, Pool::house, 1_GiB).ok());
    auto const after = machine.board.frames.totals();
    EXPECT_EQ(before.free_house_bytes + before.free_guest_bytes,
              after.free_house_bytes + after.free_guest_bytes);
}

TEST(HartView, OnlyTheServedGuestIsSeen) {
    Machine machine{2};
    OneSpace one{machine, web}, two{machine, database};
    GuestRam first{one, {ram, 4_MiB}}, second{two, {ram, 2_MiB}};
    while (!first.fill_step(*machine.views[0], 1_MiB).value()) {
    }
    while (!second.fill_step(*machine.views[0], 1_MiB).value()) {
    }
    auto const window = in_vm_window(ram);
    EXPECT_FALSE(machine.see(0, window));
    machine.enter(0, one);
    machine.enter(1, two);
    EXPECT_EQ(machine.see(0, window)->physical, one.lookup(ram)->at);
    EXPECT_EQ(machine.see(1, window)->physical, two.lookup(ram)->at);
    EXPECT_TRUE(machine.see(0, in_vm_window(ram + 2_MiB)));
    EXPECT_FALSE(machine.see(1, in_vm_window(ram + 2_MiB)));
    EXPECT_FALSE(machine.see(0, window, Access::fetch));  // user pages: never executed
    machine.enter(0, two);
    EXPECT_EQ(machine.see(0, window)->physical, two.lookup(ram)->at);
    EXPECT_FALSE(machine.see(0, in_vm_window(ram + 2_MiB)));
    machine.leave(0);
    machine.leave(1);
    EXPECT_FALSE(machine.see(0, window));
    EXPECT_FALSE(machine.see(1, window));
}

TEST(HartView, EnteringTheSameSpaceAgainCostsNothing) {
    Machine machine;
    OneSpace space{machine, web};
    machine.enter(0, space);
    EXPECT_TRUE(machine.last.must_fence);
    auto const fences = machine.board.memory.window_fences;
    machine.enter(0, space);
    EXPECT_EQ(machine.switches, 1u);
    EXPECT_EQ(machine.board.memory.window_fences, fences);
    machine.leave(0);
    machine.enter(0, space);
    EXPECT_FALSE(machine.last.must_fence);
    machine.leave(0);
}

TEST(HartView, AChangeOfTheServedGuestReachesItsWindow) {
    Machine machine;
    OneSpace space{machine, web};
    GuestRam memory{space, {ram, 4_MiB}};
    while (!memory.fill_step(*machine.views[0], 4_MiB).value()) {
    }
    machine.enter(0, space);
    auto const fences = machine.board.memory.window_fences;
    ASSERT_TRUE(space.unmap({ram + 4_KiB, 4_KiB}).ok());
    EXPECT_GE(machine.whole_fences, 1u);  // a leaf became a table
    EXPECT_GT(machine.board.memory.window_fences, fences);
    EXPECT_FALSE(machine.see(0, in_vm_window(ram + 4_KiB)));
    ASSERT_TRUE(space.unmap({ram + 8_KiB, 8_KiB}).ok());
    EXPECT_GE(machine.page_fences, 2u);  // only leaves
    machine.leave(0);
}

TEST(HartView, TheCopyWindowShowsWhatIsOpenAndNothingElse) {
    Machine machine;
    auto& view = *machine.views[0];
    auto granule = machine.board.frames.take(Pool::guest, order_2m, web).value();
    auto small = machine.board.frames.take(Pool::guest, order_64k, web).value();
    {
        auto const guard = view.open({granule.start(), 2_MiB});
        ASSERT_EQ(guard.bytes().size(), 2_MiB);
        guard.bytes()[2_MiB - 1] = 7;
        EXPECT_EQ(*machine.board.memory.at(granule.start() + 2_MiB - 1), 7);
    }
    EXPECT_FALSE(machine.see(0, copy_window));
    {
        auto const guard = view.open({small.start() + 4_KiB, 12_KiB}, false);
        EXPECT_FALSE(machine.see(0, Hva{copy_window.raw() + 2_MiB}, Access::store));
        EXPECT_TRUE(machine.see(0, Hva{copy_window.raw() + 2_MiB + 8_KiB}));
        EXPECT_FALSE(machine.see(0, Hva{copy_window.raw() + 2_MiB + 12_KiB}));
    }
    EXPECT_FALSE(machine.see(0, Hva{copy_window.raw() + 2_MiB}));
    machine.board.frames.give_back(std::move(granule));
    machine.board.frames.give_back(std::move(small));
}

TEST(HartView, EveryOpeningAndClosingFences) {
    Machine machine;
    auto small = machine.board.frames.take(Pool::guest, order_4k, web).value();
    auto const before = machine.board.memory.page_fences;
    {
        auto const guard = machine.views[0]->open({small.start(), 4_KiB});
    }
    EXPECT_EQ(machine.board.memory.page_fences, before + 2);
    machine.board.frames.give_back(std::move(small));
}

TEST(ZeroJob, ALongPageIsZeroedInSteps) {
    Machine machine;
    auto page = machine.board.frames.take(Pool::guest, Order{11}, web).value();  // 8 MiB
    auto const at = page.start();
    std::memset(machine.board.memory.at(at, 8_MiB), 0xa5, 8_MiB);
    ZeroJob job{std::move(page)};
    u64 steps = 1;
    while (!job.step(*machine.views[0], 192_KiB)) ++steps;
    EXPECT_EQ(steps, (8_MiB + 192_KiB - 1) / 192_KiB);
    auto clean = std::move(job).finish();
    for (u64 i = 0; i < 8_MiB; i += 8) ASSERT_EQ(machine.board.memory.read64(at + i), 0u);
    machine.board.frames.give_back(std::move(clean));
}

TEST(GuestRam, EagerMemoryTakesTheLargestLeaves) {
    Machine machine;
    OneSpace space{machine, web};
    GuestRam memory{space, {ram, 16_MiB + 68_KiB}};
    u64 steps = 0;
    while (!memory.fill_step(*machine.views[0], 1_MiB).value()) ++steps;
    EXPECT_GE(steps, 16u);
    EXPECT_EQ(space.lookup(ram)->leaf_bytes, 2_MiB);
    EXPECT_EQ(space.lookup(ram + 16_MiB)->leaf_bytes, 64_KiB);
    EXPECT_EQ(space.lookup(ram + 16_MiB + 64_KiB)->leaf_bytes, 4_KiB);
    EXPECT_FALSE(space.lookup(ram + 16_MiB + 68_KiB));
    EXPECT_EQ(machine.board.frames.accounting(web).guest_bytes, 16_MiB + 68_KiB);
}

TEST(GuestRam, EagerMemoryGoesAroundImages) {
    Machine machine;
    OneSpace space{machine, web};
    GuestRam memory{space, {ram, 8_MiB}};
    auto image = vouch_for(machine.board.frames.take(Pool::guest, order_2m, web).value());
    auto const at = image.start();
    ASSERT_TRUE(memory.place(ram + 2_MiB, std::move(image)).ok());
    while (!memory.fill_step(*machine.views[0], 8_MiB).value()) {
    }
    EXPECT_EQ(space.lookup(ram + 2_MiB)->at, at);
    for (u64 i = 0; i < 8_MiB; i += 4_KiB) ASSERT_TRUE(space.lookup(ram + i));
    EXPECT_EQ(machine.board.frames.accounting(web).guest_bytes, 8_MiB);
}

TEST(GuestRam, AGibibyteLeafWhereOneFits) {
    fake::Memory memory{{{bank, 3_GiB}}};
    Frames frames;
    Tags tags{14};
    House house;
    auto const ranges = memory.banks();
    auto const table = Frames::find_room(ranges, {}, Frames::table_bytes(ranges)).value();
    ASSERT_TRUE(frames.initialise(ranges, {}, table, 4_MiB).ok());
    ASSERT_TRUE(house.create(frames, Features::all()).ok());
    HartView view;
    ASSERT_TRUE(view.create(house, 0).ok());
    memory.satp = view.satp();
    Space space{frames, tags, web};
    ASSERT_TRUE(space.create(GStageMode::sv39x4, Features::all()).ok());
    GuestRam guest{space, {ram, 1_GiB + 512_MiB}};
    while (!guest.fill_step(view, 1_GiB).value()) {
    }
    EXPECT_EQ(space.lookup(ram)->leaf_bytes, 1_GiB);
    EXPECT_EQ(space.lookup(ram + 1_GiB)->leaf_bytes, 2_MiB);
    while (!space.destroy_step()) {
    }
}

TEST(GuestRam, ATouchBringsOneZeroedBlock) {
    Machine machine;
    OneSpace space{machine, web};
    GuestRam memory{space, {ram, 4_MiB + 8_KiB}};
    auto& view = *machine.views[0];
    machine.enter(0, space);
    auto const first = memory.populate(view, ram + 2_MiB + 12345).value();
    EXPECT_EQ(first.bytes, 2_MiB);
    EXPECT_TRUE(first.stale.is_all());  // tables are new
    EXPECT_TRUE(machine.see(0, in_vm_window(ram + 2_MiB)));
    auto const second = memory.populate(view, ram).value();
    EXPECT_FALSE(second.stale.is_all());
    EXPECT_EQ(second.stale.size(), 4_KiB);
    EXPECT_FALSE(second.stale.changes());
    EXPECT_TRUE(memory.populate(view, ram + 2_MiB).value().was_there);
    EXPECT_EQ(memory.populate(view, ram + 4_MiB).value().bytes, 8_KiB);
    EXPECT_EQ(memory.populate(view, ram + 4_MiB + 8_KiB).error(), Error::out_of_range);
    EXPECT_EQ(machine.board.frames.accounting(web).guest_bytes, 4_MiB + 8_KiB);
    machine.leave(0);
}

TEST(GuestRam, WithoutAWholeBlockATouchBringsASmallerOne) {
    Machine machine;
    OneSpace space{machine, web};
    GuestRam memory{space, {ram, 32_MiB}};
    std::vector<Page<Dirty>> held;
    while (auto page = machine.board.frames.take(Pool::guest, order_64k, database))
        held.push_back(std::move(page).value());
    EXPECT_EQ(memory.populate(*machine.views[0], ram).error(), Error::no_memory);
    machine.board.frames.give_back(std::move(held.back()));
    held.pop_back();
    EXPECT_EQ(memory.populate(*machine.views[0], ram + 1_MiB).value().bytes, 64_KiB);
    EXPECT_TRUE(space.lookup(ram + 1_MiB));
    EXPECT_FALSE(space.lookup(ram + 1_MiB - 1));
    for (auto& page : held) machine.board.frames.give_back(std::move(page));
}

TEST(GuestRam, ATouchThatFailsLeavesNothingBehind) {
    Machine machine;
    OneSpace space{machine, web};
    GuestRam memory{space, {ram, 32_MiB}};
    auto const before = machine.board.frames.accounting(web);
    {
        fake::Shortage const shortage{machine.board.frames, 0};
        EXPECT_EQ(memory.populate(*machine.views[0], ram).error(), Error::no_memory);
    }
    EXPECT_EQ(machine.board.frames.accounting(web), before);
    EXPECT_TRUE(memory.populate(*machine.views[0], ram).ok());
}

TEST(GuestRam, ATouchIsZeroedInStepsWithRoomForInterrupts) {
    Machine machine;
    OneSpace space{machine, web};
    GuestRam memory{space, {ram, 4_MiB}};
    auto& view = *machine.views[0];
    u32 pauses = 0;
    auto const done = memory.populate(view, ram, 2_MiB, 64_KiB, [&] {
        ++pauses;
        EXPECT_FALSE(machine.see(0, copy_window));
        // Meanwhile another hart touches the same block: it wins, and nothing is lost.
        if (pauses == 5) {
            EXPECT_FALSE(memory.populate(view, ram + 1_MiB).value().was_there);
        }
    });
    EXPECT_EQ(pauses, 31u);
    EXPECT_TRUE(done.value().was_there);
    EXPECT_EQ(machine.board.frames.accounting(web).guest_bytes, 2_MiB);
}

TEST(GuestRam, AGapBetweenBlocksIsFilledInStepsAsLongAsNobodyIsQuicker) {
    Machine machine;
    OneSpace space{machine, web};
    GuestRam memory{space, {ram, 8_MiB + 8_KiB}};
    auto& view = *machine.views[0];
    machine.enter(0, space);
    auto const fills = [&](Gpa at, auto const& between) {
        return memory.populate_gap(view, at, 64_KiB, between);
    };
    EXPECT_FALSE(fills(ram, [] {}));  // there are no tables yet
    EXPECT_TRUE(memory.populate(view, ram).ok());
    EXPECT_FALSE(fills(ram + 1_MiB, [] {}));  // something is there
    EXPECT_FALSE(fills(ram + 8_MiB, [] {}));  // smaller than a block
    u32 pauses = 0;
    EXPECT_TRUE(fills(ram + 2_MiB + 12345, [&] {
        ++pauses;
        EXPECT_FALSE(machine.see(0, copy_window));
        EXPECT_FALSE(space.lookup(ram + 2_MiB));
        // Meanwhile somebody fills another one: both come.
        if (pauses == 5) {
            EXPECT_TRUE(fills(ram + 6_MiB, [] {}));
        }
    }));
    EXPECT_EQ(pauses, 31u);
    EXPECT_EQ(space.lookup(ram + 4_MiB - 1)->leaf_bytes, 2_MiB);
    EXPECT_TRUE(machine.see(0, in_vm_window(ram + 2_MiB)));
    pauses = 0;
    EXPECT_TRUE(fills(ram + 4_MiB, [&] {
        // The same one: the page of whoever is later goes back.
        if (++pauses == 5) {
            EXPECT_TRUE(fills(ram + 4_MiB, [] {}));
        }
    }));
    EXPECT_EQ(machine.board.frames.accounting(web).guest_bytes, 8_MiB);
    EXPECT_FALSE(audit(space, true));
    machine.leave(0);
}

TEST(GuestRam, APayloadThatIsAlignedIsDonatedInPlace) {
    Machine machine;  // its first 2 MiB are reserved
    OneSpace space{machine, web};
    GuestRam memory{space, {ram, 8_MiB}};
    ASSERT_TRUE(machine.house.map_memory({bank, 2_MiB}, HouseAccess::read).ok());
    std::memcpy(machine.board.memory.at(bank + 100), "kernel", 6);
    EXPECT_EQ(memory.donate(machine.house, ram + 4_KiB, {bank, 2_MiB}).value(), 0u);
    EXPECT_EQ(memory.donate(machine.house, ram, {bank, 2_MiB - 1}).value(), 0u);
    EXPECT_EQ(memory.donate(machine.house, ram + 2_MiB, {bank, 2_MiB}).value(), 2_MiB);
    EXPECT_EQ(space.lookup(ram + 2_MiB)->at, bank);
    EXPECT_FALSE(machine.see(0, Hva{bank.raw()}));
    EXPECT_EQ(machine.board.frames.accounting(web).guest_bytes, 2_MiB);
    EXPECT_FALSE(audit(space, true));
}

}  // namespace
}  // namespace antler::memory
