// Frames by cache colour.
#include "memory/colour.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "memory/audit.hpp"
#include "memory/guest_ram.hpp"
#include "memory/house.hpp"
#include "tests/fake/memory.hpp"

namespace antler::memory {
namespace {

constexpr OwnerId red{1};
constexpr OwnerId blue{2};

TEST(Colours, AFrameOfAColourIsOfThatColour) {
    fake::Board board;
    std::vector<Page<Dirty>> held;
    for (u32 i = 0; i < 200; ++i) {
        Colours const colours{.wanted = u64{1} << i % default_colours};
        auto page = board.frames.take_coloured(Pool::guest, colours, red);
        ASSERT_TRUE(page.ok());
        EXPECT_EQ(colours.of(page.value().start()), i % default_colours);
        EXPECT_EQ(page.value().bytes(), page_bytes);
        held.push_back(std::move(page).value());
    }
    EXPECT_EQ(board.frames.accounting(red).guest_bytes, 200 * page_bytes);
    for (auto& page : held) board.frames.give_back(std::move(page));
    EXPECT_EQ(board.frames.accounting(red), Use{});
}

TEST(Colours, TwoOwnersOfDifferentColoursShareAllMemoryBetweenThem) {
    fake::Board board;
    auto const free = board.frames.totals().free_guest_bytes;
    std::vector<Page<Dirty>> held;
    for (u32 quarter = 0; quarter < 4; ++quarter) {
        Colours const colours{.wanted = u64{0xf} << 4 * quarter};
        auto const owner = quarter % 2 == 0 ? red : blue;
        for (u64 taken = 0; taken < free / 4; taken += page_bytes) {
            auto page = board.frames.take_coloured(Pool::guest, colours, owner);
            ASSERT_TRUE(page.ok()) << quarter << " " << taken;
            ASSERT_TRUE(colours.has(page.value().start()));
            held.push_back(std::move(page).value());
        }
        EXPECT_EQ(board.frames.take_coloured(Pool::guest, colours, owner).ok(), false);
    }
    EXPECT_EQ(board.frames.totals().free_guest_bytes, 0U);
    for (auto& page : held) board.frames.give_back(std::move(page));
    EXPECT_EQ(board.frames.totals().free_guest_bytes, free);
    // All in one piece again.
    auto whole = board.frames.take(Pool::guest, order_2m, red);
    ASSERT_TRUE(whole.ok());
    board.frames.give_back(std::move(whole).value());
}

TEST(Colours, OneThatTheBoardHasNotIsRefused) {
    fake::Board board;
    EXPECT_EQ(board.frames.take_coloured(Pool::guest, {.wanted = u64{1} << 40}, red).error(),
              Error::out_of_range);
}

TEST(Colours, MemoryOfAGuestIsOfItsColoursPageByPage) {
    fake::Board board;
    House house;
    ASSERT_TRUE(house.create(board.frames, isa::Features::all()).ok());
    HartView view;
    ASSERT_TRUE(view.create(house, 0).ok());
    board.memory.satp = view.satp();
    Tags tags{8};
    Colours const colours{.wanted = 0x30};
    {
        Space space{board.frames, tags, red};
        ASSERT_TRUE(space.create(isa::GStageMode::sv39x4, isa::Features::all()).ok());
        GuestRam ram{space, {Gpa{0x8000'0000}, u64{1} << 20}, colours};
        u32 steps = 0;
        for (;; ++steps) {
            auto const step = ram.fill_step(view, 64 * page_bytes);
            ASSERT_TRUE(step.ok());
            if (step.value()) break;
        }
        EXPECT_EQ(steps, 3U);
        for (u64 at = 0x8000'0000; at < 0x8010'0000; at += page_bytes) {
            auto const mapping = space.lookup(Gpa{at});
            ASSERT_TRUE(mapping.has_value());
            EXPECT_EQ(mapping->leaf_bytes, page_bytes);
            EXPECT_TRUE(colours.has(mapping->at));
        }
        while (!space.destroy_step()) {
        }
    }
    EXPECT_EQ(board.frames.accounting(red), Use{});
}

TEST(Colours, MemoryOnDemandIsOfThemToo) {
    fake::Board board;
    House house;
    ASSERT_TRUE(house.create(board.frames, isa::Features::all()).ok());
    HartView view;
    ASSERT_TRUE(view.create(house, 0).ok());
    board.memory.satp = view.satp();
    Tags tags{8};
    Colours const colours{.wanted = 1};
    Space space{board.frames, tags, red};
    ASSERT_TRUE(space.create(isa::GStageMode::sv39x4, isa::Features::all()).ok());
    GuestRam ram{space, {Gpa{0x8000'0000}, u64{1} << 21}, colours};
    for (u64 page = 0; page < 40; ++page) {
        Gpa const at{0x8000'0000 + page * 7 * page_bytes};
        ASSERT_TRUE(ram.populate(view, at).ok());
        EXPECT_TRUE(colours.has(space.lookup(at)->at));
    }
    while (!space.destroy_step()) {
    }
}

}  // namespace
}  // namespace antler::memory
