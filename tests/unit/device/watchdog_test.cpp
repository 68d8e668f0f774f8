// A watchdog that is fed, that is not, and that stood still with its machine.
#include "device/watchdog.hpp"

#include <gtest/gtest.h>

using namespace antler;
using namespace antler::device;

namespace {

struct Yard {
    u64 time = 5'000'000'000;
    std::optional<Nanos> wake{};
    int bites = 0;
};
struct Host {
    Yard* yard;
    Nanos now() { return {yard->time}; }
    void wake_at(std::optional<Nanos> when) { yard->wake = when; }
    void bite() { ++yard->bites; }
};

struct WatchdogTest : testing::Test {
    Yard yard;
    Watchdog<Host> watchdog{Host{&yard}};

    void set(u32 offset, u32 value) { ASSERT_TRUE(watchdog.write(offset, Width::word, value).ok()); }
    u64 get(u32 offset) { return watchdog.read(offset, Width::word).value(); }
    void start(u32 interval) {
        set(0x14, 1);
        set(0x18, interval << 4 | 1);
    }
    void pass(u64 milliseconds) {
        yard.time += milliseconds * 1'000'000;
        if (yard.wake && yard.wake->n <= yard.time) watchdog.expire();
    }
};

TEST_F(WatchdogTest, BitesWhenNobodyFeedsItInTime) {
    start(2);
    pass(1999);
    EXPECT_EQ(yard.bites, 0);
    pass(2);
    EXPECT_EQ(yard.bites, 1);
    EXPECT_EQ(get(0x18) & 1, 0u) << "and only once";
    pass(60'000);
    EXPECT_EQ(yard.bites, 1);
}

TEST_F(WatchdogTest, IsQuietWhileItIsFed) {
    start(1);
    for (int i = 0; i < 20; ++i) {
        pass(900);
        set(0x10, 0x0a57 << 1 | 1);
    }
    EXPECT_EQ(yard.bites, 0);
    pass(1001);
    EXPECT_EQ(yard.bites, 1);
}

TEST_F(WatchdogTest, IsNotFedByAnythingElse) {
    start(1);
    pass(900);
    set(0x10, 1);
    set(0x18, 1 << 4 | 1);
    set(0x14, 1);
    pass(101);
    EXPECT_EQ(yard.bites, 1);
}

TEST_F(WatchdogTest, HasTheTimesOfTheDriversTable) {
    constexpr std::array<std::pair<u32, u64>, 12> table{{{0, 500},
                                                         {1, 1000},
                                                         {2, 2000},
                                                         {3, 3000},
                                                         {4, 4000},
                                                         {5, 5000},
                                                         {6, 6000},
                                                         {7, 8000},
                                                         {8, 10'000},
                                                         {9, 12'000},
                                                         {10, 14'000},
                                                         {11, 16'000}}};
    for (auto const [interval, milliseconds] : table) {
        set(0x18, 0);
        start(interval);
        ASSERT_TRUE(yard.wake);
        EXPECT_EQ(yard.wake->n - yard.time, milliseconds * 1'000'000);
    }
}

TEST_F(WatchdogTest, SleepsWhenItIsTurnedOff) {
    start(1);
    set(0x18, 0);
    EXPECT_FALSE(yard.wake);
    pass(10'000);
    watchdog.expire();
    EXPECT_EQ(yard.bites, 0);
}

TEST_F(WatchdogTest, OnlySaysSoWhereItIsToldToEndNothing) {
    set(0x14, 2);
    set(0x18, 1 << 4 | 1);
    pass(1001);
    EXPECT_EQ(yard.bites, 0);
    EXPECT_EQ(get(0x04), 1u);
    set(0x04, 1);
    EXPECT_EQ(get(0x04), 0u);
    pass(1001);
    EXPECT_EQ(get(0x04), 1u) << "it goes on";
}

TEST_F(WatchdogTest, GivesAMachineThatStoodStillTheWholeTimeAgain) {
    start(1);
    yard.time += 3'600'000'000'000;
    watchdog.start_again();
    watchdog.expire();
    EXPECT_EQ(yard.bites, 0);
    pass(1001);
    EXPECT_EQ(yard.bites, 1);
}

TEST_F(WatchdogTest, AnswersWordsOnly) {
    EXPECT_FALSE(watchdog.read(0x18, Width::byte).ok());
    EXPECT_FALSE(watchdog.write(0x1a, Width::word, 1).ok());
    EXPECT_EQ(get(0x10), 0u);
    EXPECT_EQ(get(0x40), 0u);
}

}  // namespace
