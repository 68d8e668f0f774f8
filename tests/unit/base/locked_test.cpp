// Locks: one at a time, and in the order of their ranks.
#include "base/locked.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace antler {
namespace {

TEST(Locked, IsTheOnlyDoorToItsValue) {
    Locked<int, Rank::device> number{5};
    number.with([](int& n) { n += 2; });
    EXPECT_EQ(number.with([](int n) { return n; }), 7);
}

TEST(Locked, LetsOneThreadInAtATime) {
    Locked<u64, Rank::frames> count{0u};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < 10'000; ++i) count.with([](u64& n) { ++n; });
            });
    }
    EXPECT_EQ(count.with([](u64 n) { return n; }), 40'000u);
}

TEST(Locked, MayBeTakenDownwards) {
    Locked<int, Rank::vm_list> upper{1};
    Locked<int, Rank::frames> lower{2};
    auto const sum = upper.with([&](int a) { return lower.with([&](int b) { return a + b; }); });
    EXPECT_EQ(sum, 3);
    EXPECT_EQ(held_ranks(), 0u);
}

#ifndef NDEBUG
TEST(LockedDeathTest, TakenUpwardsIsABugThatIsFoundAtOnce) {
    Locked<int, Rank::vm_list> upper{1};
    Locked<int, Rank::frames> lower{2};
    auto const wrong = [&] { lower.with([&](int) { upper.with([](int) {}); }); };
    EXPECT_DEATH(wrong(), "broken invariant");
}

TEST(LockedDeathTest, TakenTwiceIsABugThatIsFoundAtOnce) {
    Locked<int, Rank::device> one{1};
    Locked<int, Rank::device> other{2};
    auto const wrong = [&] { one.with([&](int) { other.with([](int) {}); }); };
    EXPECT_DEATH(wrong(), "broken invariant");
}
#endif

}  // namespace
}  // namespace antler
