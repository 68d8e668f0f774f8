// Who waits natively (wfi) when another wakes goes to sleep first, and is woken when it wants to be.
#include <gtest/gtest.h>

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

using Place = Vcpu::Place;
namespace csr = hart::csr;

constexpr u64 wfi = 0x1050'0073;
constexpr u64 millisecond = 10'000;  // ticks

// Two machines on one hart: the calm one runs, and the loud one waits for an interrupt.
class Doze : public testing::Test {
protected:
    Doze() {
        static_cast<void>(loud.vm.power_on());
        while (loud.place == Place::nowhere) static_cast<void>(world.run());
        sleep(loud);
        VERIFY(core.current == &calm && !isa::Hstatus::vtw::get(calm.hstatus));
    }
    // Whoever that is runs, or will soon, and executes a wfi that traps.
    void sleep(Vcpu& vcpu) {
        for (int i = 0; i < 3 && core.current != &vcpu; ++i) end_turn();
        ASSERT_EQ(core.current, &vcpu);
        csr::hvip::write_raw(0);
        csr::vstimecmp::write_raw(~u64{0});
        vcpu.sstatus = isa::Sstatus::spp::set(vcpu.sstatus, true);
        world.take(vcpu, {.cause = isa::Exception::virtual_instruction, .stval = wfi});
        ASSERT_EQ(vcpu.place, Place::blocked);
    }
    void end_turn() {
        pass(core.slice_end == Core::never ? 0 : core.slice_end - fake::hart().now);
        core.timer_fired();
        static_cast<void>(world.run());
    }
    static void pass(u64 ticks) { fake::hart().now += ticks; }
    void until(u64 time) {
        fake::hart().now = time;
        core.timer_fired();
    }
    // The calm one sleeps as long as nobody else runs: it executed a wfi that did not trap.
    void wait_natively(u64 until) {
        calm.sstatus = isa::Sstatus::spp::set(calm.sstatus, true);
        csr::vstimecmp::write_raw(until + calm.csrs.htimedelta);
        calm.pc = World::code + 0x200;
        world.put_code(calm, wfi);
        calm.pc += 4;
    }
    Vcpu* wake(Vcpu& vcpu) {
        vcpu.signal(Request::software_interrupt);
        return world.run();
    }
    Vcpu* execute_wfi() {
        return world.take(calm, {.cause = isa::Exception::virtual_instruction, .stval = wfi});
    }

    World world{1};
    Core& core = world.core();
    Vcpu& calm = world.start(world.add({.vcpus = 1}));
    Vcpu& loud = *world.add({.vcpus = 1}).vcpu(0);
};

TEST_F(Doze, WhoSleepsBesideOneThatComesAndGoesIsNeverLate) {
    for (int nap = 0; nap < 20; ++nap) {
        auto const due = fake::hart().now + 3 * millisecond;
        wait_natively(due);
        pass(2 * millisecond);
        // The other one wakes; whoever sleeps leaves the hart to it within a moment.
        auto* runs = wake(loud);
        if (runs == &calm) {
            ASSERT_LE(core.slice_end - fake::hart().now, Core::start_slice);
            pass(10);
            runs = execute_wfi();
        }
        ASSERT_EQ(runs, &loud) << nap;
        ASSERT_EQ(calm.place, Place::blocked) << nap;
        until(due);
        ASSERT_EQ(world.run(), &calm) << nap;
        pass(50);
        auto const next = fake::hart().now + millisecond;
        csr::vstimecmp::write_raw(next + calm.csrs.htimedelta);
        ASSERT_EQ(execute_wfi(), &loud) << nap;
        // It has little to do, and goes to sleep itself.
        pass(500);
        sleep(loud);
        until(next);
        ASSERT_EQ(world.run(), &calm) << nap;
        pass(50);
    }
}

TEST_F(Doze, WhatItWaitedIsNotWhatItHad) {
    auto const had = calm.virtual_time;
    wait_natively(fake::hart().now + 10 * millisecond);
    pass(5 * millisecond);
    EXPECT_EQ(wake(loud), &calm);
    EXPECT_TRUE(isa::Hstatus::vtw::get(calm.hstatus));
    pass(10);
    EXPECT_EQ(execute_wfi(), &loud);
    EXPECT_EQ(calm.virtual_time - had, 10U * 16);
    EXPECT_EQ(calm.times.run, 5 * millisecond + 10);
}

// Its pc tells of a wfi, but it goes on.
TEST_F(Doze, WhoDoesNotSleepAfterAllPaysAndWaits) {
    auto const had = calm.virtual_time;
    wait_natively(fake::hart().now + 10 * millisecond);
    pass(5 * millisecond);
    EXPECT_EQ(wake(loud), &calm);
    pass(core.slice_end - fake::hart().now);
    core.timer_fired();
    EXPECT_EQ(world.run(), &loud);
    EXPECT_EQ(calm.place, Place::queued);
    EXPECT_EQ(calm.virtual_time - had, (5 * millisecond + Core::start_slice) * 16);
}

TEST_F(Doze, WhoRunsMakesRoomAtOnce) {
    wait_natively(fake::hart().now + 10 * millisecond);
    calm.pc += 4;  // behind the wfi, and not at it
    world.put_code(calm, 0x0000'0013);
    calm.pc += 4;
    auto const had = calm.virtual_time;
    pass(5 * millisecond);
    EXPECT_EQ(wake(loud), &loud);
    EXPECT_EQ(calm.place, Place::queued);
    EXPECT_EQ(calm.virtual_time - had, 5 * millisecond * 16);
}

TEST_F(Doze, WhoseInterruptIsPendingDoesNotSleep) {
    wait_natively(fake::hart().now + 10 * millisecond);
    csr::hvip::set_bits(vs_software);
    pass(5 * millisecond);
    EXPECT_EQ(wake(loud), &loud);
    EXPECT_EQ(calm.place, Place::queued);
}

}  // namespace
}  // namespace antler::vm
