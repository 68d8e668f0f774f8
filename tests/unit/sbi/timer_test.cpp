// The timer extension, with Sstc and without.
#include <gtest/gtest.h>

#include "hart/csr.hpp"
#include "tests/unit/sbi/guest.hpp"

namespace antler::sbi {
namespace {

using abi::sbi::TimeFid;
namespace csr = hart::csr;

constexpr u64 timer_pending = u64{1} << 6;  // hvip.VSTIP

TEST(SbiTimer, IsTheCompareRegisterWhereTheGuestHasOne) {
    Guest guest;
    EXPECT_EQ(guest.call(Eid::time, TimeFid::set_timer, {12345}), Guest::success());
    EXPECT_EQ(csr::vstimecmp::read_raw(), 12345U);
}

TEST(SbiTimer, ClearsThePendingInterruptAndAsksForAHostTimer) {
    Guest guest{{.sstc = false}};
    csr::hvip::set_bits(timer_pending);
    auto const start = guest.machine().time_delta();
    EXPECT_EQ(guest.call(Eid::time, TimeFid::set_timer, {5000}), Guest::success());
    EXPECT_EQ(csr::hvip::read_raw() & timer_pending, 0U);
    EXPECT_EQ(guest.vcpu().timer, 5000U);
    EXPECT_EQ(fake::outside().host_timer, 5000 - start);
}

TEST(SbiTimer, NeverMeansNever) {
    Guest guest{{.sstc = false}};
    EXPECT_EQ(guest.call(Eid::time, TimeFid::set_timer, {5000}), Guest::success());
    csr::hvip::set_bits(timer_pending);
    EXPECT_EQ(guest.call(Eid::time, TimeFid::set_timer, {~u64{0}}), Guest::success());
    EXPECT_EQ(csr::hvip::read_raw() & timer_pending, 0U);
    EXPECT_EQ(fake::outside().host_timer, ~u64{0});
}

TEST(SbiTimer, FiresWhenItsTimeHasCome) {
    Guest guest{{.sstc = false}};
    EXPECT_EQ(guest.call(Eid::time, TimeFid::set_timer, {5000}), Guest::success());
    fake::hart().now = 4999 - guest.machine().time_delta();
    guest.core(0).timer_fired();
    EXPECT_EQ(csr::hvip::read_raw() & timer_pending, 0U);
    fake::hart().now += 1;
    guest.core(0).timer_fired();
    EXPECT_EQ(csr::hvip::read_raw() & timer_pending, timer_pending);
}

}  // namespace
}  // namespace antler::sbi
