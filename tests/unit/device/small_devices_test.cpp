// The clock, the power switch, and the bus that finds devices.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "device/bus.hpp"
#include "device/goldfish_rtc.hpp"
#include "device/syscon_test.hpp"

namespace antler::device {
namespace {

struct Wire {
    bool* level;
    void set(bool to) { *level = to; }
};
struct Clock {
    u64* time;
    std::optional<Nanos>* wake;
    Nanos now() { return {*time}; }
    void wake_at(std::optional<Nanos> when) { *wake = when; }
};

class Rtc : public testing::Test {
protected:
    u64 in(u32 offset) { return rtc.read(offset, Width::word).value(); }
    void out(u32 offset, u64 value) { rtc.write(offset, Width::word, value).value(); }
    u64 now() {
        auto const low = in(0x00);
        return low | in(0x04) << 32;
    }
    void alarm(u64 at) {  // as rtc-goldfish.c of Linux does it
        out(0x0c, at >> 32);
        out(0x08, at & 0xffff'ffff);
    }

    bool level = false;
    u64 time = 1'800'000'000'000'000'000;
    std::optional<Nanos> wake;
    GoldfishRtc<Wire, Clock> rtc{Wire{&level}, Clock{&time, &wake}};
};

TEST_F(Rtc, TellsTheTimeInTwoHalvesThatBelongTogether) {
    EXPECT_EQ(now(), time);
    time = 0x1'ffff'ffff;
    EXPECT_EQ(in(0x00), 0xffff'ffffu);
    time = 0x2'0000'0000;
    EXPECT_EQ(in(0x04), 1u);
    EXPECT_EQ(now(), 0x2'0000'0000u);
}

TEST_F(Rtc, KeepsTheTimeThatTheGuestSets) {
    u64 const wanted = 1'000'000'000'123'456'789;
    out(0x04, wanted >> 32);
    out(0x00, wanted & 0xffff'ffff);
    EXPECT_EQ(now(), wanted);
    time += 1000;
    EXPECT_EQ(now(), wanted + 1000);
}

TEST_F(Rtc, FiresItsAlarmWhenItIsDue) {
    out(0x10, 1);
    alarm(time + 500);
    EXPECT_EQ(in(0x18), 1u);
    EXPECT_EQ(in(0x08) | in(0x0c) << 32, time + 500);
    ASSERT_EQ(wake, Nanos{time + 500});
    time += 499;
    rtc.expire();
    EXPECT_FALSE(level);
    time += 1;
    rtc.expire();
    EXPECT_TRUE(level);
    EXPECT_FALSE(wake);
    EXPECT_EQ(in(0x18), 0u);
    out(0x1c, 1);
    EXPECT_FALSE(level);
}

TEST_F(Rtc, FiresAnAlarmOfThePastAtOnce) {
    alarm(time);
    EXPECT_FALSE(level);  // the interrupt is not enabled
    out(0x10, 1);
    EXPECT_TRUE(level);
    out(0x10, 0);
    EXPECT_FALSE(level);
}

TEST_F(Rtc, ForgetsAClearedAlarm) {
    out(0x10, 1);
    alarm(time + 500);
    out(0x14, 1);
    EXPECT_FALSE(wake);
    EXPECT_EQ(in(0x18), 0u);
    time += 1000;
    rtc.expire();
    EXPECT_FALSE(level);
}

TEST_F(Rtc, MovesItsAlarmWithTheTimeThatTheGuestSets) {
    out(0x10, 1);
    alarm(time + 1'000'000'000'000);
    out(0x04, (time >> 32) + 1);  // a few seconds forward
    EXPECT_FALSE(level);
    EXPECT_EQ(wake, Nanos{time + 1'000'000'000'000 - (u64{1} << 32)});
    out(0x04, (time >> 32) + 1'000);
    EXPECT_TRUE(level);
}

TEST_F(Rtc, NeverAsksToBeWokenBeyondTheEndOfTime) {
    out(0x10, 1);
    out(0x04, 0);
    out(0x00, 0);
    alarm(~u64{0});
    EXPECT_FALSE(wake);
    EXPECT_EQ(in(0x18), 1u);
}

TEST_F(Rtc, AnswersWordsOnly) {
    EXPECT_FALSE(rtc.read(0, Width::doubleword));
    EXPECT_FALSE(rtc.read(2, Width::word));
    EXPECT_FALSE(rtc.write(0, Width::half, 0));
    EXPECT_EQ(in(0x20), 0u);
    EXPECT_EQ(in(0xffc), 0u);
    out(0xffc, 1);
}

struct Handler {
    std::vector<PowerRequest>* requests;
    void operator()(PowerRequest request) { requests->push_back(request); }
};

TEST(SysconTest, PassesOnWhatTheGuestAsksFor) {
    std::vector<PowerRequest> requests;
    SysconTest test{Handler{&requests}};
    for (u64 const value : {0x5555u, 0x7777u, 0x3333u, 0x12'3333u, 0xffff'3333u, 0x1234u, 0u})
        EXPECT_TRUE(test.write(0, Width::word, value));
    EXPECT_TRUE(test.write(4, Width::word, 0x5555));
    EXPECT_TRUE(test.write(0, Width::half, 0x7777));
    EXPECT_FALSE(test.write(0, Width::byte, 0x55));
    EXPECT_FALSE(test.write(0, Width::doubleword, 0x5555));
    EXPECT_EQ(test.read(0, Width::word).value(), 0u);
    using enum PowerAction;
    EXPECT_EQ(requests,
              (std::vector<PowerRequest>{
                  {poweroff, 0}, {reboot, 0}, {fail, 0}, {fail, 0x12}, {fail, 0xffff}, {reboot, 0}}));
}

class Nothing final : public Device {
public:
    std::string_view name() const override { return "nothing"; }
    Result<u64> read(Offset offset, Width) override { return u64{offset}; }
    Result<void> write(Offset, Width, u64) override { return {}; }
};

TEST(Bus, FindsWhatASearchOfAllRegionsFinds) {
    std::mt19937_64 random{1};
    for (int round = 0; round < 200; ++round) {
        Bus bus;
        std::array<Nothing, Bus::max_regions> devices;
        std::vector<GpaRange> regions;
        for (auto& device : devices) {
            GpaRange const region{Gpa{random() % 0x10000}, 1 + random() % 0x800};
            bool clear = true;
            for (auto const& other : regions) clear &= !other.overlaps(region);
            ASSERT_EQ(bus.attach(region, device).ok(), clear);
            if (clear) regions.push_back(region);
        }
        for (int probe = 0; probe < 500; ++probe) {
            Gpa const at{random() % 0x11000};
            auto const hit = bus.find(at);
            auto const wanted = std::ranges::find_if(regions, [&](GpaRange r) { return r.contains(at); });
            ASSERT_EQ(hit.has_value(), wanted != regions.end());
            if (hit) {
                ASSERT_EQ(hit->offset, at - wanted->start);
            }
        }
    }
}

TEST(Bus, RefusesWhatOverlapsWrapsOrDoesNotFit) {
    Bus bus;
    Nothing device;
    EXPECT_FALSE(bus.find(Gpa{0}));
    EXPECT_FALSE(bus.find(Gpa{~u64{0}}));
    EXPECT_EQ(bus.attach({Gpa{0x1000}, 0}, device).error(), Error::out_of_range);
    EXPECT_EQ(bus.attach({Gpa{~u64{0}}, 2}, device).error(), Error::out_of_range);
    EXPECT_EQ(bus.attach({Gpa{0}, u64{1} << 32}, device).error(), Error::out_of_range);
    EXPECT_TRUE(bus.attach({Gpa{0x1000}, 0x1000}, device));
    EXPECT_EQ(bus.attach({Gpa{0x1fff}, 1}, device).error(), Error::already_exists);
    for (usize n = 1; n < Bus::max_regions; ++n) EXPECT_TRUE(bus.attach({Gpa{0x10000 - n * 8}, 8}, device));
    EXPECT_EQ(bus.attach({Gpa{0x20000}, 8}, device).error(), Error::full);
    EXPECT_EQ(bus.find(Gpa{0x1fff})->offset, 0xfffu);
    EXPECT_FALSE(bus.find(Gpa{0x2000}));
}

}  // namespace
}  // namespace antler::device
