// What an operator does to a VM: the plug, the reset button, standing still; and many lives without a trace.
#include <gtest/gtest.h>

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

using abi::control::VmState;

TEST(Operator, PullsThePlugOfAVmWhateverItsPoliciesSay) {
    World world;
    Policies policies{};
    policies.on_poweroff = policies.on_reboot = policies.on_crash = Afterwards::restart;
    auto& vm = world.add({.vcpus = 2, .policies = policies});
    EXPECT_EQ(vm.state(), VmState::off);
    world.start(vm);
    world.start(vm, 1);
    EXPECT_EQ(vm.state(), VmState::running);
    vm.unplug();
    EXPECT_EQ(vm.state(), VmState::stopping);
    world.run_all();
    EXPECT_TRUE(vm.is_over());
    EXPECT_EQ(vm.state(), VmState::off);
    EXPECT_FALSE(vm.has_crashed());
    EXPECT_EQ(vm.last_words(), "destroyed");
}

TEST(Operator, PullsThePlugWhileTheVmStarts) {
    World world{1};
    auto& vm = world.add({.vcpus = 1});
    vm.start_later();
    EXPECT_EQ(vm.state(), VmState::starting);
    vm.unplug();
    EXPECT_EQ(world.run(), nullptr);
    EXPECT_TRUE(vm.is_over());
    EXPECT_EQ(vm.starts(), 0U);
}

TEST(Operator, PullsThePlugWhileTheVmWaitsToBeStartedAgain) {
    World world{1};
    Policies policies{};
    policies.on_crash = Afterwards::restart;
    policies.restart_delay_ms = 1'000;
    auto& vm = world.add({.vcpus = 1, .policies = policies});
    world.start(vm);
    vm.end(Ending::crash);
    EXPECT_EQ(world.run(), nullptr);
    EXPECT_EQ(vm.state(), VmState::starting);
    vm.unplug();
    world.core().ask_farewell();
    EXPECT_EQ(world.run(), nullptr);
    EXPECT_TRUE(vm.is_over());
}

TEST(Operator, ResetsAVmThatRuns) {
    World world{1};
    Policies policies{};
    policies.on_reboot = Afterwards::destroy;
    auto& vm = world.add({.vcpus = 1, .policies = policies});
    auto& first = world.start(vm);
    first.pc = 0x1234;
    vm.reset();
    EXPECT_EQ(world.run(), &first);
    EXPECT_EQ(first.pc, World::code);
    EXPECT_EQ(vm.starts(), 2U);
}

TEST(Operator, ACrashWaitsTwiceAsLongEachTimeBeforeTheNextLife) {
    World world{1};
    Policies policies{};
    policies.on_crash = Afterwards::restart;
    policies.restart_delay_ms = 100;
    auto& vm = world.add({.vcpus = 1, .policies = policies});
    world.start(vm);
    constexpr u64 ticks = 1'000'000;  // 100 ms
    for (u64 const wait : {ticks, 2 * ticks, 4 * ticks}) {
        vm.end(Ending::crash);
        auto const before = fake::hart().now;
        EXPECT_EQ(world.run(), nullptr);
        EXPECT_GE(vm.start_at, before + wait);
        EXPECT_LT(vm.start_at, before + wait + ticks);
        fake::hart().now = vm.start_at + 1;
        world.core().timer_fired();
        EXPECT_EQ(world.run(), vm.vcpu(0));
    }
}

TEST(Operator, ASuspendedVmStandsStillAndItsTimeToo) {
    World world{2};
    fake::hart().now = 1'000;
    auto& vm = world.add({.vcpus = 2});
    auto& first = world.start(vm);
    auto& second = world.start(vm, 1);
    world.run_all();
    auto const delta = vm.time_delta();
    vm.suspend();
    EXPECT_FALSE(vm.stands_still());
    world.run_all();
    EXPECT_TRUE(vm.stands_still());
    EXPECT_EQ(vm.state(), VmState::suspended);
    EXPECT_EQ(world.run(0), nullptr);
    EXPECT_EQ(world.run(1), nullptr);
    // Interrupts wait.
    first.signal(Request::software_interrupt);
    world.run_all();
    EXPECT_EQ(world.run(first.home->index), nullptr);
    fake::hart().now += 5'000;
    vm.resume();
    world.run_all();
    EXPECT_EQ(vm.state(), VmState::running);
    EXPECT_EQ(vm.time_delta(), delta - 5'000);
    EXPECT_EQ(first.csrs.htimedelta, vm.time_delta());
    EXPECT_EQ(second.csrs.htimedelta, vm.time_delta());
    EXPECT_EQ(world.run(first.home->index), &first);
}

TEST(Operator, OneThatWaitsInItsGuestIsNotWokenWhileItStandsStill) {
    World world{1};
    auto& vm = world.add({.vcpus = 1});
    auto& first = world.start(vm);
    world.core().block(first);
    EXPECT_EQ(world.run(), nullptr);
    vm.suspend();
    EXPECT_EQ(world.run(), nullptr);
    ASSERT_TRUE(vm.stands_still());
    first.signal(Request::software_interrupt);
    EXPECT_EQ(world.run(), nullptr);
    EXPECT_EQ(first.place, Vcpu::Place::blocked);
    vm.resume();
    EXPECT_EQ(world.run(), &first);  // by what came meanwhile
}

TEST(Operator, ASuspendedVmCanBeDestroyed) {
    World world{1};
    auto& vm = world.add({.vcpus = 2});
    world.start(vm);
    world.start(vm, 1);
    vm.suspend();
    world.run_all();
    ASSERT_TRUE(vm.stands_still());
    vm.unplug();
    world.run_all();
    EXPECT_TRUE(vm.is_over());
    EXPECT_EQ(world.core().residents, nullptr);
}

TEST(Operator, AHartSaysFarewellToAVmThatLeaves) {
    World world{1};
    auto& vm = world.add({.vcpus = 1});
    auto& first = world.start(vm);
    auto& core = world.core();
    core.floats_owner = &first;
    vm.unplug();
    EXPECT_EQ(world.run(), nullptr);
    vm.leave();
    core.floats_owner = &first;  // as on a hart where it ran before it moved
    core.ask_farewell();
    EXPECT_EQ(world.run(), nullptr);
    EXPECT_EQ(core.farewells.load(), 1U);
    EXPECT_EQ(core.floats_owner, nullptr);
    EXPECT_EQ(core.view.serves(), nullptr);
    EXPECT_TRUE(vm.ram().space().observers().active().snapshot().empty());
}

TEST(Operator, AThousandLivesOfAVmLeaveNoFrameBehind) {
    World world{2};
    auto& other = world.add({.vcpus = 1});
    auto& survivor = world.start(other);
    survivor.pc = 0x4242;
    auto const before = world.board().frames.totals();
    memory::Tags tags{2};  // which are used up again and again
    for (u32 life = 0; life < 1000; ++life) {
        memory::OwnerId const owner{7};
        memory::Space space{world.board().frames, tags, owner};
        ASSERT_TRUE(space.create(isa::GStageMode::sv39x4, isa::Features::all()).ok());
        Ram ram{space, {ram_base, u64{2} << 20}};
        auto vm = std::make_unique<Vm>(Parts{.description = {.name = "mayfly",
                                                             .vcpus = 2,
                                                             .memory_bytes = u64{2} << 20,
                                                             .entry = Gpa{World::code},
                                                             .device_tree = Gpa{World::tree_at}},
                                             .shown = {.sv39 = true, .sstc = true},
                                             .host_isa = {},
                                             .ids = {},
                                             .timebase = {10'000'000},
                                             .ram = ram});
        auto first = std::make_unique<Vcpu>(*vm, 0);
        auto second = std::make_unique<Vcpu>(*vm, 1);
        world.core(life % 2).house(*first);
        world.core(1 - life % 2).house(*second);
        vm->attach(*first);
        vm->attach(*second);
        ASSERT_TRUE(vm->power_on().ok());
        if (life % 3 != 0) world.run_all();
        ASSERT_EQ(vm->start_hart(1, {.pc = World::code, .opaque = 0}), abi::sbi::Status::success);
        if (life % 5 != 0) world.run_all();
        vm->unplug();
        for (u32 turn = 0; turn < 8 && !vm->is_over(); ++turn) world.run_all();
        ASSERT_TRUE(vm->is_over()) << life;
        vm->leave();
        for (u32 round = 0; round < 2; ++round)
            for (u32 hart = 0; hart < 2; ++hart) world.on(hart, [](Core& core) { core.ask_farewell(); });
        world.run_all();
        ASSERT_FALSE(first->in_inbox || second->in_inbox);
        while (!ram.give_back_step()) {
        }
        ASSERT_EQ(world.board().frames.accounting(owner), memory::Use{}) << life;
    }
    auto const after = world.board().frames.totals();
    EXPECT_EQ(after.free_house_bytes, before.free_house_bytes);
    EXPECT_EQ(after.free_guest_bytes, before.free_guest_bytes);
    EXPECT_EQ(survivor.pc, 0x4242U);
    EXPECT_EQ(world.run(survivor.home->index), &survivor);
}

}  // namespace
}  // namespace antler::vm
