// The self-test of the start, on boards of any size, and what it says where a rule of ownership does not
// hold.
#include <gtest/gtest.h>

#include "memory/self_test.hpp"
#include "tests/fake/memory.hpp"

namespace antler::memory {
namespace {

constexpr OwnerId one{7}, two{8};

TEST(SelfTest, EveryChangeOfAPageIsAsItMustBe) {
    fake::Board board;
    Tags tags{8};
    auto const before = board.frames.totals().free_guest_bytes;
    auto const result =
        self_test(board.frames, tags, isa::GStageMode::sv39x4, isa::Features::all(), one, two);
    EXPECT_STREQ(result.wrong, nullptr);
    EXPECT_GT(result.transitions, 40U);
    EXPECT_EQ(board.frames.totals().free_guest_bytes, before);
    EXPECT_EQ(board.frames.accounting(one), Use{});
    EXPECT_EQ(board.frames.accounting(two), Use{});
}

TEST(SelfTest, SaysThatAnOwnerHadSomethingAlready) {
    fake::Board board;
    Tags tags{8};
    auto page = board.frames.take(Pool::guest, order_4k, one);
    ASSERT_TRUE(page.ok());
    auto const result =
        self_test(board.frames, tags, isa::GStageMode::sv39x4, isa::Features::all(), one, two);
    EXPECT_STREQ(result.wrong, "its owner is charged");
    board.frames.give_back(std::move(page).value());
}

}  // namespace
}  // namespace antler::memory
