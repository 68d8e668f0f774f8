// An interrupt for a vCPU that waits on the same hart: it goes first, at once.
#include <gtest/gtest.h>

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

using Place = Vcpu::Place;
namespace csr = hart::csr;

// Two vCPUs on one hart: the first runs, the second waits.
class Wake : public testing::Test {
protected:
    Wake() {
        world.run();
        core.block(second);
        VERIFY(world.run() == &first && second.place == Place::blocked);
    }
    [[nodiscard]] bool wake(Vcpu& whom) {
        return wake_beside(first, whom, vs_software, [this](Vcpu& vcpu) { entered = &vcpu; });
    }

    World world{1};
    Core& core = world.core();
    Vm& vm = world.add({.vcpus = 3});
    Vcpu& first = world.start(vm);
    Vcpu& second = world.start(vm, 1);
    Vcpu* entered = nullptr;
};

TEST_F(Wake, GivesTheHartToWhoeverWaitedForIt) {
    RecordProperty("rules", "norm:asid_hart_private");
    fake::hart().fences.clear();
    fake::hart().now += 100;
    auto const had = first.times.run;
    ASSERT_TRUE(wake(second));
    EXPECT_EQ(entered, &second);
    EXPECT_EQ(core.current, &second);
    EXPECT_EQ(second.place, Place::running);
    EXPECT_EQ(first.place, Place::queued);
    EXPECT_EQ(csr::hvip::read_raw() & vs_software, vs_software);
    EXPECT_EQ(first.csrs.hvip & vs_software, 0U);
    EXPECT_EQ(first.times.run, had + 100);
    EXPECT_TRUE(isa::Hstatus::vtw::get(second.hstatus));  // somebody waits
    EXPECT_FALSE(fake::hart().fences.empty());            // of what the other one had cached
    EXPECT_EQ(world.run(), &second);
    csr::hvip::clear_bits(vs_software);
    core.block(second);
    EXPECT_EQ(world.run(), &first);
}

TEST_F(Wake, LeavesAloneWhoDoesNotWaitHere) {
    second.paused = true;
    EXPECT_FALSE(wake(second));
    second.paused = false;
    second.restarts_on_wake = true;
    EXPECT_FALSE(wake(second));
    second.restarts_on_wake = false;
    core.must_choose = true;  // there is more to do
    EXPECT_FALSE(wake(second));
    core.must_choose = false;
    EXPECT_FALSE(wake(*vm.vcpu(2)));  // it was never started
    EXPECT_FALSE(wake(first));
    EXPECT_EQ(entered, nullptr);
    EXPECT_EQ(second.place, Place::blocked);
    EXPECT_EQ(second.csrs.hvip, 0U);
    EXPECT_TRUE(wake(second));
}

TEST_F(Wake, OfOneThatHadMoreIsTheGeneralPathsBusiness) {
    second.virtual_time = first.virtual_time + 1'000'000;
    EXPECT_FALSE(wake(second));
    EXPECT_EQ(entered, nullptr);
    EXPECT_EQ(second.place, Place::blocked);
    EXPECT_EQ(first.place, Place::running);
    second.signal(Request::software_interrupt);
    EXPECT_EQ(world.run(), &first);
    EXPECT_EQ(second.place, Place::queued);
}

}  // namespace
}  // namespace antler::vm
