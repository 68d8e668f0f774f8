// Frames: banks, reserved ranges, buddies, pools, owners.
#include "memory/frames.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "base/units.hpp"
#include "tests/fake/memory.hpp"

namespace antler::memory {
namespace {

using fake::Board;

constexpr OwnerId web{1}, database{2};
constexpr Hpa ram{0x8000'0000};

TEST(Frames, TheTableIsAtMostFourThousandthsOfRam) {
    std::vector<HpaRange> const banks{{ram, 1_GiB}};
    EXPECT_LE(Frames::table_bytes(banks) * 1000, 4 * 1_GiB);
}

TEST(Frames, EveryFrameIsReservedTheTablesTheHousesOrTheGuests) {
    Board board{{{ram, 64_MiB}}, 8_MiB, {{ram, 0x8'0000}}};
    auto const totals = board.frames.totals();
    EXPECT_EQ(totals.ram_bytes, 64_MiB);
    EXPECT_EQ(totals.ram_bytes,
              totals.free_house_bytes + totals.free_guest_bytes + totals.table_bytes + 0x8'0000);
    EXPECT_GE(totals.free_house_bytes, 8_MiB);
}

TEST(Frames, ReservedMemoryIsInNoBlock) {
    std::vector<HpaRange> const reserved{{ram, 0x8'0000}, {ram + 3_MiB + 100, 5}, {ram + 10_MiB, 4_MiB}};
    Board board{{{ram, 64_MiB}}, 0, reserved};
    for (auto const& range : reserved) {
        EXPECT_FALSE(board.frames.inspect(range.start));
        EXPECT_FALSE(board.frames.inspect(range.end() - 1));
    }
    EXPECT_FALSE(board.frames.inspect(board.frames.table_range().start));
    std::vector<Page<Dirty>> all;
    for (auto const pool : {Pool::house, Pool::guest}) {
        while (auto page = board.frames.take_up_to(pool, order_1g, web)) {
            for (auto const& range : reserved)
                EXPECT_FALSE(range.overlaps({page.value().start(), page.value().bytes()}));
            EXPECT_FALSE(board.frames.table_range().overlaps({page.value().start(), page.value().bytes()}));
            all.push_back(std::move(page).value());
        }
    }
    for (auto& page : all) board.frames.give_back(std::move(page));
}

TEST(Frames, FragmentsOfGranulesBelongToTheHouse) {
    Board board{{{ram, 64_MiB}}, 0, {{ram + 2_MiB, 4096}}};
    EXPECT_EQ(board.frames.inspect(ram)->block.pool, Pool::guest);
    EXPECT_EQ(board.frames.inspect(ram + 2_MiB + 8192)->block.pool, Pool::house);
    EXPECT_EQ(board.frames.inspect(ram + 4_MiB)->block.pool, Pool::guest);
}

TEST(Frames, SeveralBanksAreOneStore) {
    Board board{{{ram, 8_MiB}, {Hpa{0x10'0000'0000}, 16_MiB}, {Hpa{0x2'0000'1000}, 4_MiB}}, 0};
    EXPECT_EQ(board.frames.totals().ram_bytes, 28_MiB);
    std::vector<Page<Dirty>> pages;
    u64 high = 0;
    while (auto page = board.frames.take(Pool::guest, order_2m, web)) {
        EXPECT_TRUE(page.value().start().is_aligned(2_MiB));
        high += page.value().start() >= Hpa{0x10'0000'0000} ? 1 : 0;
        pages.push_back(std::move(page).value());
    }
    EXPECT_EQ(high, 8u);
    for (auto& page : pages) board.frames.give_back(std::move(page));
    EXPECT_EQ(board.frames.inspect(Hpa{0x10'0000'0000})->block.order.bytes(), 16_MiB);
}

TEST(Frames, OverlappingBanksAreRefused) {
    fake::Memory memory{{{ram, 16_MiB}}};
    Frames frames;
    std::vector<HpaRange> const banks{{ram, 8_MiB}, {ram + 4_MiB, 8_MiB}};
    auto const done = frames.initialise(banks, {}, {ram + 15_MiB, 1_MiB}, 0);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error(), Error::already_exists);
}

TEST(Frames, TheTableGoesIntoTheSmallestHoleThatTakesIt) {
    std::vector<HpaRange> const banks{{ram, 64_MiB}};
    std::vector<HpaRange> const reserved{{ram, 1_MiB}, {ram + 1_MiB + 0x5000, 1_MiB}, {ram + 3_MiB, 1_MiB}};
    auto const room = Frames::find_room(banks, reserved, 0x6000);
    ASSERT_TRUE(room.ok());
    EXPECT_EQ(room.value().start, ram + 2_MiB + 0x5000);
    EXPECT_FALSE(Frames::find_room(banks, reserved, 64_MiB).ok());
}

TEST(Frames, APageIsAlignedToItsSize) {
    Board board;
    for (u8 n = 0; n <= order_2m.n; ++n) {
        auto page = board.frames.take(Pool::house, Order{n}, web);
        ASSERT_TRUE(page.ok());
        EXPECT_TRUE(page.value().start().is_aligned(page.value().bytes()));
        board.frames.give_back(std::move(page).value());
    }
}

TEST(Frames, OwnersAreChargedForWhatTheyHold) {
    Board board;
    auto guest = board.frames.take(Pool::guest, order_2m, web).value();
    auto house = board.frames.take(Pool::house, order_64k, web).value();
    EXPECT_EQ(board.frames.accounting(web), (Use{64_KiB, 2_MiB}));
    auto moved = board.frames.transfer(std::move(guest), database);
    EXPECT_EQ(board.frames.accounting(web), (Use{64_KiB, 0}));
    EXPECT_EQ(board.frames.accounting(database), (Use{0, 2_MiB}));
    EXPECT_EQ(board.frames.inspect(moved.start() + 5000)->block.owner, database);
    board.frames.give_back(std::move(moved));
    board.frames.give_back(std::move(house));
    EXPECT_EQ(board.frames.accounting(web), Use{});
    EXPECT_EQ(board.frames.accounting(database), Use{});
}

TEST(Frames, WhatIsGivenBackBecomesWholeAgain) {
    Board board;
    auto const before = board.frames.totals();
    std::vector<Page<Dirty>> pages;
    while (auto page = board.frames.take(Pool::guest, order_4k, web))
        pages.push_back(std::move(page).value());
    EXPECT_EQ(board.frames.totals().free_guest_bytes, 0u);
    for (usize i = 0; i < pages.size(); i += 2) board.frames.give_back(std::move(pages[i]));
    for (usize i = 1; i < pages.size(); i += 2) board.frames.give_back(std::move(pages[i]));
    EXPECT_EQ(board.frames.totals().free_guest_bytes, before.free_guest_bytes);
    auto large = board.frames.take(Pool::guest, Order{13}, web);  // 32 MiB
    ASSERT_TRUE(large.ok());
    board.frames.give_back(std::move(large).value());
}

TEST(Frames, PoolsNeverJoin) {
    Board board{{{ram, 8_MiB}}, 2_MiB};
    // The house's granule and a guest's, side by side, stay two.
    auto const house = board.frames.totals().free_house_bytes;
    auto granule = board.frames.withdraw(Pool::guest).value();
    auto const at = granule.range().start;
    EXPECT_EQ(board.frames.inspect(at)->state, FrameState::moving);
    board.frames.deposit(std::move(granule), Pool::house);
    EXPECT_EQ(board.frames.totals().free_house_bytes, house + 2_MiB);
    EXPECT_EQ(board.frames.inspect(at)->block.pool, Pool::house);
    auto back = board.frames.withdraw(Pool::house).value();
    board.frames.deposit(std::move(back), Pool::guest);
    EXPECT_EQ(board.frames.totals().free_house_bytes, house);
}

TEST(Frames, APayloadIsAdoptedWhereItLies) {
    Board board{{{ram, 64_MiB}}, 0, {{ram + 16_MiB, 6_MiB}}};
    std::memcpy(board.memory.at(ram + 18_MiB), "kernel", 6);
    auto page = board.frames.adopt(ram + 18_MiB, order_2m, web).value();
    EXPECT_EQ(board.frames.accounting(web).guest_bytes, 2_MiB);
    EXPECT_EQ(std::memcmp(board.memory.at(page.start()), "kernel", 6), 0);
    // Not twice, not beyond the reserved range, not what is ordinary memory.
    EXPECT_EQ(board.frames.adopt(ram + 18_MiB, order_2m, web).error(), Error::not_found);
    EXPECT_EQ(board.frames.adopt(ram + 24_MiB, order_2m, web).error(), Error::not_found);
    EXPECT_EQ(board.frames.adopt(ram + 17_MiB, order_2m, web).error(), Error::misaligned);
    // What is left of the range can be the house's.
    ASSERT_TRUE(board.frames.release_reserved({ram + 16_MiB, 2_MiB}).ok());
    ASSERT_TRUE(board.frames.release_reserved({ram + 20_MiB, 2_MiB}).ok());
    EXPECT_EQ(board.frames.inspect(ram + 20_MiB)->block.pool, Pool::house);
    board.frames.give_back(std::move(page));
}

TEST(Frames, ASharedPageLeavesWithItsLastHolder) {
    Board board;
    auto const before = board.frames.totals().free_guest_bytes;
    auto page = vouch_for(board.frames.take(Pool::guest, order_64k, web).value());
    auto first = board.frames.share(std::move(page));
    auto second = board.frames.share_again(first);
    EXPECT_EQ(board.frames.inspect(first.start())->share_count, 2u);
    board.frames.give_back(std::move(first));
    EXPECT_EQ(board.frames.totals().free_guest_bytes, before - 64_KiB);
    EXPECT_EQ(board.frames.accounting(web).guest_bytes, 64_KiB);
    board.frames.give_back(std::move(second));
    EXPECT_EQ(board.frames.totals().free_guest_bytes, before);
}

TEST(Frames, WhatIsRetiredExistsAgainOnlyAfterItIsReleased) {
    Board board;
    auto const before = board.frames.totals().free_guest_bytes;
    auto page = board.frames.take(Pool::guest, order_2m, web).value();
    auto const at = page.start();
    static_cast<void>(PageMaker::unmake(std::move(page)));  // as a tree does
    {
        FrameList list;
        board.frames.retire({at + 4096, 3 * 4096}, list);  // a part, which cuts the block
        EXPECT_EQ(board.frames.inspect(at + 4096)->state, FrameState::retired);
        EXPECT_EQ(board.frames.inspect(at)->state, FrameState::taken);
        EXPECT_EQ(board.frames.totals().free_guest_bytes, before - 2_MiB);
        board.frames.release(std::move(list));
    }
    EXPECT_EQ(board.frames.totals().free_guest_bytes, before - 2_MiB + 3 * 4096);
    FrameList rest;
    board.frames.retire({at, 4096}, rest);
    board.frames.retire({at + 4 * 4096, 2_MiB - 4 * 4096}, rest);
    board.frames.release(std::move(rest));
    EXPECT_EQ(board.frames.totals().free_guest_bytes, before);
    EXPECT_EQ(board.frames.accounting(web), Use{});
}

TEST(FramesDeathTest, APageThatIsDroppedTraps) {
    Board board;
    EXPECT_DEATH({ auto page = board.frames.take(Pool::house, order_4k, web); }, "held_");
}

TEST(FramesDeathTest, AGranuleThatIsDroppedTraps) {
    Board board;
    EXPECT_DEATH({ auto granule = board.frames.withdraw(Pool::guest); }, "held_");
}

TEST(FramesDeathTest, AFrameListThatIsDroppedTraps) {
    Board board;
    EXPECT_DEATH(
        {
            auto page = board.frames.take(Pool::house, order_4k, web);
            auto const block = PageMaker::unmake(std::move(page).value());
            FrameList list;
            board.frames.retire(block.range(), list);
        },
        "first_");
}

TEST(FramesDeathTest, APageGivenBackTwiceTraps) {
    Board board;
    auto page = board.frames.take(Pool::house, order_4k, web).value();
    Block const block{page.start(), page.order(), page.pool(), page.owner()};
    board.frames.give_back(std::move(page));
    EXPECT_DEATH(board.frames.give_back(PageMaker::make<Dirty>(block)), "given back");
}

// Start must not depend on how much RAM there is, apart from zeroing the table.
TEST(Frames, StartTouchesBlocksAndNotFrames) {
    fake::Memory memory{{{ram, 64_GiB}}};
    Frames frames;
    auto const ranges = memory.banks();
    auto const table = Frames::find_room(ranges, {}, Frames::table_bytes(ranges)).value();
    ASSERT_TRUE(frames.initialise(ranges, {}, table, 16_MiB).ok());
    u64 touched = 0;
    auto const* const bytes = memory.at(table.start, table.size);
    for (u64 i = 0; i < table.size; i += sizeof(Frame)) {
        Frame frame;
        std::memcpy(&frame, bytes + i, sizeof frame);
        touched += frame.state != FrameState::inside ? 1 : 0;
    }
    EXPECT_LT(touched, 200u);
}

}  // namespace
}  // namespace antler::memory
