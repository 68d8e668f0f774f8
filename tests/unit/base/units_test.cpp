// Ticks, nanoseconds and sizes.
#include "base/units.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <type_traits>

namespace antler {
namespace {

__extension__ using u128 = unsigned __int128;
constexpr u64 second = 1'000'000'000;

TEST(Timebase, TurnsTimeIntoTicksAndBack) {
    constexpr Timebase ten_megahertz{10'000'000};
    EXPECT_EQ(ten_megahertz.ticks({1'000'000}), Ticks{10'000});
    EXPECT_EQ(ten_megahertz.nanos({1}), Nanos{100});
    EXPECT_EQ(ten_megahertz.ticks({99}), Ticks{0});
    EXPECT_EQ(Timebase{1'000'000'000}.ticks({12345}), Ticks{12345});
    EXPECT_EQ(Timebase{32'768}.nanos({32'768}), Nanos{second});
}

TEST(Timebase, IsExactForAnySpanThatFits) {
    EXPECT_TRUE(rc::check([] {
        Timebase const timebase{*rc::gen::inRange<u64>(1, 1'000'000'001)};
        auto const span = *rc::gen::inRange<u64>(0, u64{1} << 62);
        auto const exact = static_cast<u64>(u128{span} * timebase.hertz / second);
        RC_ASSERT(timebase.ticks({span}).n == exact);
    }));
}

TEST(Timebase, NeverWakesLateByRoundingDown) {
    EXPECT_TRUE(rc::check([] {
        Timebase const timebase{*rc::gen::inRange<u64>(1'000, 1'000'000'001)};
        auto const ticks = *rc::gen::inRange<u64>(0, u64{1} << 40);
        auto const back = timebase.ticks(timebase.nanos({ticks})).n;
        RC_ASSERT(back <= ticks && ticks - back <= 1);
    }));
}

TEST(Quantities, AreOrderedAndCount) {
    EXPECT_LT(Ticks{1}, Ticks{2});
    EXPECT_EQ(Ticks{3} + Ticks{4}, Ticks{7});
    EXPECT_EQ(Nanos{9} - Nanos{4}, Nanos{5});
    static_assert(!std::is_convertible_v<Ticks, Nanos>);
}

TEST(Sizes, ArePowersOfTwo) {
    static_assert(4_KiB == 4096 && 2_MiB == 0x20'0000 && 1_GiB == 0x4000'0000);
}

}  // namespace
}  // namespace antler
