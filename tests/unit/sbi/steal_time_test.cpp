// Steal time: what a guest may ask for, and what it finds in the structure it named.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "tests/unit/sbi/guest.hpp"

namespace antler::sbi {
namespace {

using abi::sbi::StealTimeFid;

constexpr u64 memory = Guest::code;
constexpr u64 end = Guest::code + Guest::memory_bytes;
constexpr u64 none = ~u64{0};
constexpr u64 there = memory + 0x4000;

Guest::Answer set(Guest& guest, u64 low, u64 high, u64 flags) {
    return guest.call(Eid::steal_time, StealTimeFid::set_shared_memory, {low, high, flags});
}

struct Structure {
    u32 sequence, flags;
    u64 steal;
    std::array<u8, 48> rest;
};
static_assert(sizeof(Structure) == vm::StealTime::bytes);

Structure read(Guest& guest, u64 at = there) {
    std::array<u8, sizeof(Structure)> bytes{};
    EXPECT_TRUE(guest.ram().read(Gpa{at}, bytes));
    return std::bit_cast<Structure>(bytes);
}
void fill(Guest& guest, u64 at, u64 bytes, u8 value) {
    std::vector<u8> const all(bytes, value);
    EXPECT_TRUE(guest.ram().write(Gpa{at}, all));
}

// vCPU 2 lives on hart 0 too.  One of them runs, and then the other.
void change_turns(Guest& guest, u64 ticks) {
    fake::hart().now += ticks;
    auto& core = guest.core(0);
    core.must_choose = true;
    core.slice_end = fake::hart().now;
    static_cast<void>(core.settle());
}

TEST(SbiStealTime, RefusesFlagsAndWhatIsNotAlignedFirst) {
    Guest guest;
    auto const invalid = Guest::error(Status::invalid_param);
    EXPECT_EQ(set(guest, there, 0, 1), invalid);
    EXPECT_EQ(set(guest, none, none, 1), invalid);
    EXPECT_EQ(set(guest, there + 8, 0, 0), invalid);
    EXPECT_EQ(set(guest, there + 32, 0, 0), invalid);
    EXPECT_EQ(set(guest, 8, 1, 0), invalid);
    EXPECT_EQ(set(guest, none, 0, 0), invalid);
    EXPECT_EQ(guest.call(Eid::steal_time, 1, {there, 0, 0}), Guest::error(Status::not_supported));
    EXPECT_FALSE(guest.vcpu().tells_stolen);
}

TEST(SbiStealTime, RefusesWhatIsNotMemory) {
    Guest guest;
    auto const invalid = Guest::error(Status::invalid_address);
    for (u64 const low : {u64{0}, memory - 64, end, none - 63, u64{0x1000'0000}})
        EXPECT_EQ(set(guest, low, 0, 0), invalid) << std::hex << low;
    EXPECT_EQ(set(guest, there, 1, 0), invalid);
    EXPECT_EQ(set(guest, there, none, 0), invalid);
    EXPECT_FALSE(guest.vcpu().tells_stolen);
    EXPECT_EQ(set(guest, end - 64, 0, 0), Guest::success());
}

TEST(SbiStealTime, ZeroesTheStructureAndNothingElse) {
    Guest guest;
    fill(guest, there - 64, 192, 0xee);
    EXPECT_EQ(set(guest, there, 0, 0), Guest::success());
    std::array<u8, 192> all{};
    EXPECT_TRUE(guest.ram().read(Gpa{there - 64}, all));
    EXPECT_TRUE(std::all_of(all.begin(), all.begin() + 64, [](u8 byte) { return byte == 0xee; }));
    EXPECT_TRUE(std::all_of(all.begin() + 64, all.begin() + 128, [](u8 byte) { return byte == 0; }));
    EXPECT_TRUE(std::all_of(all.begin() + 128, all.end(), [](u8 byte) { return byte == 0xee; }));
}

TEST(SbiStealTime, CountsWhatOthersHadWhileItCouldRunFromNowOn) {
    Guest guest;
    guest.start(2);
    change_turns(guest, 500);
    change_turns(guest, 500);
    auto& core = guest.core(0);
    while (core.current != &guest.vcpu(0)) change_turns(guest, 500);
    ASSERT_EQ(set(guest, there, 0, 0), Guest::success());
    change_turns(guest, 100);
    ASSERT_EQ(core.current, &guest.vcpu(2));
    EXPECT_EQ(read(guest).rest[0], 1);
    EXPECT_EQ(read(guest).steal, 0U);
    change_turns(guest, 300);
    ASSERT_EQ(core.current, &guest.vcpu(0));
    auto const seen = read(guest);
    EXPECT_EQ(seen.steal, 30'000U);  // at 10 MHz
    EXPECT_EQ(seen.rest[0], 0);
    EXPECT_EQ(seen.flags, 0U);
    EXPECT_EQ(seen.sequence % 2, 0U);
    EXPECT_GT(seen.sequence, 0U);
}

TEST(SbiStealTime, SleepIsNotStolenAndNobodyIsPreemptedThen) {
    Guest guest;
    guest.start(2);
    while (guest.core(0).current != &guest.vcpu(0)) change_turns(guest, 500);
    ASSERT_EQ(set(guest, there, 0, 0), Guest::success());
    guest.core(0).block(guest.vcpu());
    EXPECT_EQ(&guest.core(0).settle(), &guest.vcpu(2));
    EXPECT_EQ(read(guest).rest[0], 0);
    fake::hart().now += 5'000;
    guest.vcpu().signal(vm::Request::software_interrupt);
    static_cast<void>(guest.core(0).settle());
    while (guest.core(0).current != &guest.vcpu(0)) change_turns(guest, 7);
    EXPECT_LT(read(guest).steal, 5'000U * 100);
}

TEST(SbiStealTime, SaysNothingOnceItIsGivenUp) {
    Guest guest;
    guest.start(2);
    while (guest.core(0).current != &guest.vcpu(0)) change_turns(guest, 500);
    ASSERT_EQ(set(guest, there, 0, 0), Guest::success());
    ASSERT_EQ(set(guest, none, none, 0), Guest::success());
    fill(guest, there, 64, 0xaa);
    for (int turn = 0; turn < 4; ++turn) change_turns(guest, 500);
    EXPECT_EQ(read(guest).steal, 0xaaaa'aaaa'aaaa'aaaaU);
}

TEST(SbiStealTime, EndsWithTheLifeOfTheHart) {
    Guest guest;
    guest.start(2);
    while (guest.core(0).current != &guest.vcpu(2)) change_turns(guest, 500);
    ASSERT_EQ(Guest::call_from(guest.vcpu(2), static_cast<u64>(Eid::steal_time), 0, {there, 0, 0}),
              Guest::success());
    guest.machine().stopped(guest.vcpu(2));
    EXPECT_FALSE(guest.vcpu(2).tells_stolen);
    static_cast<void>(guest.core(0).settle());
    fill(guest, there, 64, 0xaa);
    guest.start(2);
    for (int turn = 0; turn < 4; ++turn) change_turns(guest, 500);
    EXPECT_EQ(read(guest).steal, 0xaaaa'aaaa'aaaa'aaaaU);
}

TEST(SbiStealTime, IsSilentWhileTheVmStandsStill) {
    Guest guest;
    ASSERT_EQ(set(guest, there, 0, 0), Guest::success());
    fill(guest, there, 64, 0xaa);
    guest.core(0).hold(guest.vcpu());
    EXPECT_EQ(read(guest).steal, 0xaaaa'aaaa'aaaa'aaaaU);
    EXPECT_EQ(read(guest).rest[0], 0xaa);
    EXPECT_TRUE(guest.vcpu().tells_stolen);
}

}  // namespace
}  // namespace antler::sbi
