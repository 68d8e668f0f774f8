// How long a vCPU ran, and how long it could have run while somebody else did.
#include <gtest/gtest.h>

#include <array>

#include "tests/unit/vm/world.hpp"
#include "vm/team.hpp"

namespace antler::vm {
namespace {

void pass(u64 ticks) {
    fake::hart().now += ticks;
}

// Two on one hart; who is returned waits since this moment.
Vcpu& let_one_wait(World& world) {
    auto& first = world.start(world.add({.vcpus = 1}));
    auto& second = world.add({.vcpus = 1});
    static_cast<void>(second.power_on());
    EXPECT_NE(world.run(), nullptr);
    auto* const waits = world.core().current == &first ? second.vcpu(0) : &first;
    EXPECT_EQ(waits->place, Vcpu::Place::queued);
    return *waits;
}

TEST(Times, SleepIsNeitherRunNorStolen) {
    World world{1};
    auto& first = world.start(world.add({.vcpus = 1}));
    pass(100);
    world.core().block(first);
    EXPECT_EQ(world.run(), nullptr);
    pass(5'000);
    first.signal(Request::software_interrupt);
    EXPECT_EQ(world.run(), &first);
    EXPECT_EQ(first.times.run, 100U);
    EXPECT_EQ(first.times.stolen, 0U);
}

TEST(Times, WhoRunsAloneIsSeenToRunBeforeItsTurnEnds) {
    World world{1};
    auto& first = world.start(world.add({.vcpus = 1}));
    pass(30'000);
    auto const times = world.core().times_of(first, fake::hart().now);
    EXPECT_EQ(times.run, 30'000U);
    EXPECT_EQ(times.stolen, 0U);
    world.core().block(first);
    EXPECT_EQ(world.run(), nullptr);
    pass(5'000);
    EXPECT_EQ(world.core().times_of(first, fake::hart().now).run, 30'000U);
}

TEST(Times, WhoWaitsIsSeenToWait) {
    World world{1};
    auto& waits = let_one_wait(world);
    pass(700);
    EXPECT_EQ(world.core().times_of(waits, fake::hart().now).stolen, 700U);
    EXPECT_EQ(world.core().times_of(*world.core().current, fake::hart().now).run, 700U);
}

TEST(Times, WhatRanUntilItWasSuspendedCounts) {
    World world{1};
    auto& first = world.start(world.add({.vcpus = 1}));
    pass(100);
    first.vm.suspend();
    EXPECT_EQ(world.run(), nullptr);
    pass(5'000);
    ASSERT_TRUE(first.vm.stands_still());
    first.vm.resume();
    EXPECT_EQ(world.run(), &first);
    EXPECT_EQ(first.times.run, 100U);
    EXPECT_EQ(first.times.stolen, 0U);
}

TEST(Times, AnotherShareDoesNotForgetHowLongItWaited) {
    World world{1};
    auto& waits = let_one_wait(world);
    pass(700);
    waits.vm.set_share(300, 0);
    world.core().serve_inbox();
    pass(300);
    world.core().block(*world.core().current);
    EXPECT_EQ(world.run(), &waits);
    EXPECT_EQ(waits.times.stolen, 1'000U);
}

TEST(Times, WaitingForTheNextPeriodOfACapIsStolen) {
    World world{1};
    auto& first = world.start(world.add({.vcpus = 1}));
    first.vm.set_share(sched::default_weight, 10);
    ASSERT_EQ(world.run(), &first);
    constexpr u64 allowed = Core::cap_period / 10;
    pass(allowed);
    world.core().timer_fired();
    ASSERT_EQ(world.run(), nullptr);
    EXPECT_EQ(first.place, Vcpu::Place::throttled);
    pass(Core::cap_period - allowed);
    world.core().timer_fired();
    EXPECT_EQ(world.run(), &first);
    EXPECT_EQ(first.times.run, allowed);
    EXPECT_EQ(first.times.stolen, Core::cap_period - allowed);
}

TEST(Times, WhatAVcpuWaitedGoesWithItToAnotherHart) {
    World world{2};
    std::array<Core*, 2> cores{&world.core(0), &world.core(1)};
    Team team{.cores = cores};
    for (auto* core : cores) core->team = &team;
    auto& waits = let_one_wait(world);
    pass(400);
    waits.vm.pin(waits, Team::bit(1));
    static_cast<void>(world.run(0));
    ASSERT_EQ(waits.home, cores[1]);
    pass(50);
    EXPECT_EQ(world.run(1), &waits);
    EXPECT_EQ(waits.times.stolen, 450U);
    EXPECT_EQ(waits.times.migrations, 1U);
}

}  // namespace
}  // namespace antler::vm
