// House memory of one owner, in pieces.
#include "memory/store.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/fake/memory.hpp"

namespace antler::memory {
namespace {

constexpr OwnerId somebody{7};

struct Shop {
    fake::Board board{};
    House house{};
    Shop() { EXPECT_TRUE(house.create(board.frames, isa::Features::all()).ok()); }
};

TEST(Store, SmallPiecesShareAPageAndAreZero) {
    Shop shop;
    Store store{shop.board.frames, shop.house, somebody};
    auto const first = store.take(100);
    auto const second = store.take(1000, 64);
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_EQ(reinterpret_cast<usize>(second.value().data()) % 64, 0U);
    for (auto const byte : second.value()) EXPECT_EQ(byte, 0);
    EXPECT_EQ(store.bytes(), page_bytes);
    EXPECT_EQ(shop.board.frames.accounting(somebody).house_bytes, page_bytes);
    store.give_back();
}

TEST(Store, APieceTakesAsManyPagesAsItNeedsAndNoPowerOfTwo) {
    Shop shop;
    Store store{shop.board.frames, shop.house, somebody};
    ASSERT_TRUE(store.take(5 * page_bytes).ok());
    EXPECT_EQ(shop.board.frames.accounting(somebody).house_bytes, 6 * page_bytes);
    ASSERT_TRUE(store.take(page_bytes / 2).ok());  // finds room behind it
    EXPECT_EQ(store.bytes(), 6 * page_bytes);
    store.give_back();
}

TEST(Store, AThousandLivesLeaveNothingBehind) {
    Shop shop;
    auto const before = shop.board.frames.totals();
    for (u32 life = 0; life < 1000; ++life) {
        Store store{shop.board.frames, shop.house, somebody};
        for (u32 piece = 0; piece < 10; ++piece)
            ASSERT_TRUE(store.take((life * 37 + piece * 911) % 20'000 + 1).ok());
        store.give_back();
    }
    auto const after = shop.board.frames.totals();
    EXPECT_EQ(after.free_house_bytes + after.free_guest_bytes,
              before.free_house_bytes + before.free_guest_bytes);
    EXPECT_EQ(shop.board.frames.accounting(somebody), Use{});
}

TEST(Store, WhatCannotBeHadLeavesTheRestAsItWas) {
    Shop shop;
    Store store{shop.board.frames, shop.house, somebody};
    ASSERT_TRUE(store.take(100).ok());
    EXPECT_EQ(store.take(u64{1} << 40).ok(), false);
    EXPECT_EQ(store.take(u64{1} << 29).ok(), false);
    EXPECT_EQ(store.bytes(), page_bytes);
    store.give_back();
}

}  // namespace
}  // namespace antler::memory
