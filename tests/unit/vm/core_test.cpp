// Who runs on a hart, what it is told by others, and when it looks up.
#include <gtest/gtest.h>

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

using abi::sbi::HartState;
namespace csr = hart::csr;

TEST(Core, RunsItsVcpusInTurnWhenASliceEnds) {
    World world{1};
    auto& vm = world.add({.vcpus = 3});
    world.start(vm);
    world.start(vm, 1);
    world.start(vm, 2);
    std::vector<u32> order;
    for (int turn = 0; turn < 6; ++turn) {
        order.push_back(world.run()->id);
        fake::hart().now = world.core().slice_end;
        world.core().timer_fired();
    }
    EXPECT_EQ(order, (std::vector<u32>{1, 2, 0, 1, 2, 0}));
}

TEST(Core, LeavesAVcpuThatIsAloneAlone) {
    World world{1};
    auto& first = world.start(world.add({.vcpus = 1}));
    EXPECT_EQ(world.core().slice_end, Core::never);
    EXPECT_EQ(fake::outside().host_timer, ~u64{0});
    EXPECT_EQ(world.run(), &first);
}

TEST(Core, OneThatWasPoweredOnBesideAGuestThatNeverExitsGetsItsTurn) {
    World world{1};
    world.start(world.add({.vcpus = 1}));
    auto& second = world.add({.vcpus = 1});
    second.start_later();
    for (u32 turns = 0; second.state() == abi::control::VmState::starting && turns < 1000; ++turns)
        ASSERT_NE(world.run(), nullptr);
    ASSERT_EQ(second.state(), abi::control::VmState::running);
    EXPECT_EQ(world.core().inbox.load(), nullptr);
    EXPECT_EQ(world.core().queue.size(), 1U);
    EXPECT_NE(world.core().slice_end, Core::never);
}

// Two VMs on one hart, of which one sleeps and is due while the other has its turn.  One that sleeps for less
// than it takes to change worlds is due again before the other has executed anything.
struct Napping {
    World world{1};
    Vcpu& works = world.start(world.add({.vcpus = 1}));
    Vcpu& naps = world.start(world.add({.vcpus = 1}));
    Core& core = world.core();
    u64 began = 0;  // the turn of the one that works

    explicit Napping(u64 ticks) {
        EXPECT_EQ(world.run(), &naps);
        naps.vm.set_timer(naps, fake::hart().now + ticks);
        core.block(naps);
        EXPECT_EQ(world.run(), &works);
        began = fake::hart().now;
    }
    // Whose turn it is when the timer has fired then.
    Vcpu* at(u64 ticks) {
        fake::hart().now = began + ticks;
        core.timer_fired();
        return world.run();
    }
};

TEST(Core, WhoHasTheHartKeepsItForALittleAlthoughAnotherWakes) {
    Napping pair{1};
    EXPECT_EQ(pair.at(1), &pair.works);
    EXPECT_EQ(pair.naps.place, Vcpu::Place::queued);
    EXPECT_EQ(fake::outside().host_timer, pair.began + Core::least_turn);
    EXPECT_EQ(pair.at(Core::least_turn), &pair.naps);
}

// So it is with one that has a cap, for as long as that lets it.
TEST(Core, WhoHasACapKeepsTheHartForALittleTooUnlessItsCapEndsBefore) {
    for (u64 const left : {u64{2} * Core::least_turn, Core::least_turn / 2}) {
        Napping pair{1};
        pair.works.vm.set_share(sched::default_weight, 10);
        pair.works.allowance.begin(pair.began, Core::cap_period);
        pair.works.allowance.left = left;
        EXPECT_EQ(pair.at(1), &pair.works);
        EXPECT_EQ(pair.naps.place, Vcpu::Place::queued);
        auto const end = std::min(left, Core::least_turn);
        EXPECT_EQ(fake::outside().host_timer, pair.began + end);
        EXPECT_EQ(pair.at(end), &pair.naps);
        EXPECT_EQ(pair.works.place, left < Core::least_turn ? Vcpu::Place::throttled : Vcpu::Place::queued);
    }
}

TEST(Core, WhoHasHadTheHartForALittleMakesWayAtOnce) {
    Napping pair{Core::least_turn};
    EXPECT_EQ(pair.at(Core::least_turn), &pair.naps);
}

TEST(Core, WfiIsTheGuestsOwnOnlyWhileNobodyWaits) {
    RecordProperty("rules", "norm:hstatus_vtw_op");
    using vtw = isa::Hstatus::vtw;
    World world{1};
    auto& vm = world.add({.vcpus = 2});
    auto& first = world.start(vm);
    EXPECT_FALSE(vtw::get(first.hstatus));
    auto& second = world.start(vm, 1);
    EXPECT_EQ(world.run(), &second);
    EXPECT_TRUE(vtw::get(second.hstatus));
    vm.stopped(first);
    world.core().must_choose = true;
    EXPECT_EQ(world.run(), &second);
    EXPECT_FALSE(vtw::get(second.hstatus));
}

TEST(Core, TrapsWfiAlwaysWhereThePolicySaysSo) {
    World world{1};
    auto& first = world.start(world.add({.vcpus = 1, .policies = {.trap_wait = true}}));
    EXPECT_TRUE(isa::Hstatus::vtw::get(first.hstatus));
}

TEST(Core, WaitsWithoutATimerWhenNobodysTurnEnds) {
    World world{1};
    auto& first = world.start(world.add({.vcpus = 1}));
    auto& ends = world.add({.vcpus = 1});
    static_cast<void>(ends.start_hart(0, {.pc = World::code, .opaque = 0}));
    auto* const running = world.run();
    ASSERT_NE(running, nullptr);
    ASSERT_NE(world.core().slice_end, Core::never);
    // At once the one sleeps and the other's VM ends.
    ends.end(Ending::poweroff);
    if (running == &first) {
        world.core().block(first);
    } else {
        ASSERT_EQ(world.run(), &first);
        world.core().slice_end = 50;
        world.core().block(first);
    }
    EXPECT_EQ(world.run(), nullptr);
    EXPECT_EQ(fake::hart().waits, 1U);
    EXPECT_EQ(fake::outside().host_timer, ~u64{0});
}

TEST(Core, WakesForAnInterruptThatCameBeforeItSlept) {
    World world{1};
    auto& first = world.start(world.add({.vcpus = 1}));
    csr::hvip::set_bits(vs_software);
    world.core().block(first);
    EXPECT_EQ(world.run(), &first);
    EXPECT_EQ(fake::hart().waits, 0U);
}

TEST(Core, WakesForEachKindOfRequest) {
    World world{1};
    auto& first = world.start(world.add({.vcpus = 1}));
    world.core().block(first);
    EXPECT_EQ(world.run(), nullptr);
    first.signal(Request::timer_changed);  // no interrupt
    EXPECT_EQ(world.run(), nullptr);
    first.external = true;
    first.signal(Request::external_changed);
    EXPECT_EQ(world.run(), &first);
    EXPECT_EQ(csr::hvip::read_raw(), vs_external);
    first.external = false;
    first.signal(Request::external_changed);
    EXPECT_EQ(world.run(), &first);
    EXPECT_EQ(csr::hvip::read_raw(), 0U);
    world.core().block(first);
    first.signal(Request::software_interrupt);
    EXPECT_EQ(world.run(), &first);
}

TEST(Core, WakesWhenItsTimersAreDueWhicheverTheyAre) {
    RecordProperty("rules", "norm:hip_vstip_op");
    for (bool const sstc : {true, false}) {
        World world{1};
        auto& first = world.start(world.add({.vcpus = 1, .shown = {.sstc = sstc}}));
        first.vm.set_timer(first, 1000);
        world.core().block(first);
        EXPECT_EQ(world.run(), nullptr);
        EXPECT_EQ(fake::outside().host_timer, 1000U);
        fake::hart().now = 999;
        world.core().timer_fired();
        EXPECT_EQ(first.place, Vcpu::Place::blocked);
        fake::hart().now = 1000;
        world.core().timer_fired();
        EXPECT_EQ(world.run(), &first);
        EXPECT_EQ(csr::hvip::read_raw(), sstc ? 0 : vs_timer);  // with vstimecmp the hart raises it
    }
}

TEST(Core, TellsTheTimerInHostTimeWhateverTheGuestsClockSays) {
    RecordProperty("rules", "norm:htimedelta_sz_acc_op");
    World world{1};
    fake::hart().now = 5000;
    auto& first = world.start(world.add({.vcpus = 1, .shown = {}}));
    first.vm.set_timer(first, 70);
    EXPECT_EQ(fake::outside().host_timer, 5070U);
    first.vm.set_timer(first, ~u64{0} - 10);  // after the end of host time
    EXPECT_EQ(fake::outside().host_timer, ~u64{0});
    // A restored guest is ahead of this host.
    first.vm.set_time_delta(1'000'000);
    first.vm.set_timer(first, 1'005'100);
    EXPECT_EQ(fake::outside().host_timer, 5100U);
    first.vm.set_timer(first, 3);  // long ago
    EXPECT_LE(fake::outside().host_timer, 5000U);
    world.core().timer_fired();
    EXPECT_EQ(csr::hvip::read_raw(), vs_timer);
}

// A hart sends itself no interrupt, so what the last step of a VM's start asks is only in the inbox.
TEST(Core, AnInboxWithoutAnInterruptIsServedBeforeWaiting) {
    World world{1};
    auto& first = world.start(world.add({.vcpus = 1}));
    auto& later = world.add({.vcpus = 1});
    world.core().start_later(later);
    EXPECT_EQ(world.run(), &first);  // the first step
    world.core().block(first);
    EXPECT_EQ(world.run(), later.vcpu(0));
    EXPECT_EQ(fake::hart().waits, 0U);
}

TEST(Core, SendsOneInterruptForManyRequests) {
    World world;
    auto& vm = world.add({.vcpus = 4});
    world.start(vm);
    auto& other = *vm.vcpu(1);
    fake::outside().ipis.clear();
    other.signal(Request::software_interrupt);
    other.signal(Request::timer_changed);
    other.signal(Request::external_changed);
    EXPECT_EQ(fake::outside().ipis, std::vector<u32>{1});
    vm.vcpu(3)->signal(Request::software_interrupt);  // the same hart's other vCPU: one more
    EXPECT_EQ(fake::outside().ipis, (std::vector<u32>{1, 1}));
    world.on(1, [](Core& core) { core.serve_inbox(); });
    other.signal(Request::software_interrupt);
    EXPECT_EQ(fake::outside().ipis, (std::vector<u32>{1, 1, 1}));
}

TEST(Core, ServesEverythingPendingAndClearsOnlyTheSoftwareInterrupt) {
    World world{1};
    auto& first = world.start(world.add({.vcpus = 1}));
    EXPECT_FALSE(world.core().serve_interrupts());
    first.signal(Request::software_interrupt);
    csr::sip::set_bits(host_software_pending | host_external_pending);
    EXPECT_TRUE(world.core().serve_interrupts());
    EXPECT_EQ(fake::outside().external_interrupts, 1U);
    EXPECT_EQ(csr::sip::read_raw(), host_external_pending);
    EXPECT_EQ(csr::hvip::read_raw(), vs_software);
}

TEST(Core, AnswersACallThatComesAsAMessage) {
    World world{1};
    auto& first = world.start(world.add({.vcpus = 1}));
    csr::sip::set_bits(host_external_pending);
    first.signal(Request::software_interrupt);
    EXPECT_TRUE(world.core().serve_interrupts());
    EXPECT_EQ(csr::hvip::read_raw(), 0U) << "a device interrupted, and nobody called";
    fake::outside().external_is_a_call = true;
    EXPECT_TRUE(world.core().serve_interrupts());
    EXPECT_EQ(csr::hvip::read_raw(), vs_software);
}

TEST(Core, ServesFencesInTheMiddleOfAnExitAndNothingElse) {
    World world;
    auto& vm = world.add({.vcpus = 2});
    auto& first = world.start(vm);
    static_cast<void>(first.ask_fence({.kind = GuestFence::Kind::all, .start{}}));
    first.signal(Request::software_interrupt);
    world.core().serve_fences();
    EXPECT_EQ(fake::hart().fences, std::vector{fake::Fence{.kind = fake::Fence::Kind::guest_virtual}});
    EXPECT_EQ(csr::hvip::read_raw(), 0U);
    EXPECT_EQ(world.run(), &first);
    EXPECT_EQ(csr::hvip::read_raw(), vs_software);
}

TEST(Core, PollsAConsoleThatCannotInterrupt) {
    World world{1};
    world.start(world.add({.vcpus = 1}));
    world.core().poll_period = 100;
    world.core().poll_at = 50;
    world.core().set_timer();
    EXPECT_EQ(fake::outside().host_timer, 50U);
    fake::hart().now = 60;
    world.core().timer_fired();
    EXPECT_EQ(fake::outside().polls, 1U);
    EXPECT_EQ(fake::outside().host_timer, 160U);
}

TEST(Core, DropsTheHousesTranslationsWhenAsked) {
    World world;
    world.start(world.add({.vcpus = 2}));
    std::atomic<u32> left = 1;
    world.core(1).ask_flush({.space = nullptr, .request = {}, .left = &left});
    EXPECT_EQ(fake::outside().ipis.back(), 1U);
    world.on(1, [](Core& core) {
        core.serve_inbox();
        EXPECT_EQ(fake::hart().fences.back().kind, fake::Fence::Kind::own);
    });
    EXPECT_EQ(left.load(), 0U);
}

// ASIDs are private to a hart, so two vCPUs of a VM that share one must not see each other's.
TEST(Core, FencesWhenAnotherVcpuOfTheVmComesIn) {
    RecordProperty("rules", "norm:asid_hart_private");
    World world{1};
    auto& vm = world.add({.vcpus = 2});
    auto& first = world.start(vm);
    auto& second = world.start(vm, 1);
    fake::Fence const whole{.kind = fake::Fence::Kind::guest_virtual};
    fake::hart().fences.clear();
    ASSERT_EQ(world.run(), &second);
    EXPECT_EQ(std::ranges::count(fake::hart().fences, whole), 1);
    world.core().block(second);
    fake::hart().fences.clear();
    ASSERT_EQ(world.run(), &first);
    EXPECT_EQ(std::ranges::count(fake::hart().fences, whole), 1);
}

TEST(Core, KeepsTranslationsOverAnotherVmsTurn) {
    World world{1};
    auto& vm = world.add({.vcpus = 1});
    auto& other = world.add({.vcpus = 1});
    auto& first = world.start(vm);
    auto const hgatp = csr::hgatp::read_raw();
    world.core().block(first);
    auto& second = world.start(other);
    EXPECT_NE(csr::hgatp::read_raw(), hgatp);
    world.core().block(second);
    first.signal(Request::software_interrupt);
    fake::hart().fences.clear();
    ASSERT_EQ(world.run(), &first);
    EXPECT_EQ(csr::hgatp::read_raw(), hgatp);
    EXPECT_TRUE(fake::hart().fences.empty());
}

TEST(Core, FencesAVcpuWholeThatWasAskedWhileItWasAway) {
    World world{1};
    auto& vm = world.add({.vcpus = 1});
    auto& other = world.add({.vcpus = 1});
    auto& first = world.start(vm);
    world.core().block(first);
    auto& second = world.start(other);
    auto const ticket =
        first.ask_fence({.kind = GuestFence::Kind::range, .start = Gva{0x1000}, .size = 0x1000});
    first.wait_for_fence(ticket);  // at once: it cannot use a translation before it is fenced
    ASSERT_EQ(world.run(), &second);
    fake::hart().fences.clear();
    world.core().block(second);
    first.signal(Request::software_interrupt);
    ASSERT_EQ(world.run(), &first);
    EXPECT_EQ(fake::hart().fences, (std::vector{fake::Fence{.kind = fake::Fence::Kind::guest_virtual},
                                                fake::Fence{.kind = fake::Fence::Kind::instructions}}));
}

TEST(Core, AFenceIsDoneOnlyWhenTheOtherHartHasExecutedIt) {
    World world;
    auto& vm = world.add({.vcpus = 2});
    world.start(vm);
    auto& other = world.start(vm, 1);
    ASSERT_EQ(world.run(1), &other);
    auto const ticket =
        other.ask_fence({.kind = GuestFence::Kind::range, .start = Gva{0x5000}, .size = 0x2000});
    EXPECT_LT(static_cast<i32>(other.fences_done.load() - ticket), 0);
    world.on(1, [](Core& core) {
        fake::hart().fences.clear();
        core.serve_inbox();
        EXPECT_EQ(fake::hart().fences,
                  (std::vector{fake::Fence{fake::Fence::Kind::guest_virtual, 0x5000, {}},
                               fake::Fence{fake::Fence::Kind::guest_virtual, 0x6000, {}}}));
    });
    other.wait_for_fence(ticket);
}

TEST(Core, MoreFencesThanFitBecomeOneOfEverything) {
    World world;
    auto& vm = world.add({.vcpus = 2});
    world.start(vm);
    auto& other = world.start(vm, 1);
    ASSERT_EQ(world.run(1), &other);
    u32 ticket = 0;
    for (u64 i = 0; i < 40; ++i)
        ticket = other.ask_fence(
            {.kind = GuestFence::Kind::range, .start = Gva{i * page_bytes}, .size = page_bytes});
    world.on(1, [](Core& core) {
        fake::hart().fences.clear();
        core.serve_inbox();
        EXPECT_EQ(fake::hart().fences.back(), fake::Fence{.kind = fake::Fence::Kind::guest_virtual});
        EXPECT_EQ(
            std::ranges::count(fake::hart().fences, fake::Fence{.kind = fake::Fence::Kind::instructions}), 1);
    });
    other.wait_for_fence(ticket);
    EXPECT_FALSE(other.fences_overflowed);
}

TEST(Core, TicketsCompareAcrossTheWrapOfTheirCounter) {
    World world;
    auto& vm = world.add({.vcpus = 2});
    world.start(vm);
    auto& other = world.start(vm, 1);
    ASSERT_EQ(world.run(1), &other);
    other.fences_asked = ~u32{0} - 1;
    other.fences_done = ~u32{0} - 1;
    for (int i = 0; i < 4; ++i) {
        auto const ticket = other.ask_fence({.kind = GuestFence::Kind::all, .start{}});
        world.on(1, [](Core& core) { core.serve_inbox(); });
        other.wait_for_fence(ticket);
    }
    EXPECT_EQ(other.fences_done.load(), 2U);
}

class Units : public testing::Test {
protected:
    static constexpr u64 fs_dirty = isa::Sstatus::fs::mask;
    Units()
        : vm_{world_.add({.vcpus = 2, .shown = {.f = true, .d = true}})},
          first_{world_.start(vm_)},
          second_{world_.start(vm_, 1)} {}
    void switch_over() {
        World::end_least_turn(world_.core());
        world_.core().must_choose = true;
        ASSERT_NE(world_.run(), nullptr);
    }
    World world_{1};
    Vm& vm_;
    Vcpu& first_;
    Vcpu& second_;
};

TEST_F(Units, AreSavedOnlyWhenDirty) {
    RecordProperty("rules", "norm:vsstatus_fs_op");
    switch_over();  // to the second
    fake::hart().float_saves = 0;
    switch_over();  // it never touched them
    EXPECT_EQ(fake::hart().float_saves, 0U);
    first_.sstatus |= fs_dirty;
    switch_over();
    EXPECT_EQ(fake::hart().float_saves, 1U);
    EXPECT_EQ(isa::Sstatus::fs::get(first_.sstatus), isa::ContextStatus::clean);
}

// QEMU says nothing of a write to fcsr by a guest; whoever came next had its rounding mode.
TEST_F(Units, AreSavedWhenOnlyTheirControlRegisterWasWrittenAndNobodySaysSo) {
    RecordProperty("rules", "norm:vsstatus_fs_op");
    ASSERT_NO_FATAL_FAILURE(switch_over());
    auto& writes = *world_.core().current;
    csr::fcsr::write_raw(0x60);
    ASSERT_NO_FATAL_FAILURE(switch_over());
    ASSERT_NE(world_.core().current, &writes);
    EXPECT_EQ(csr::fcsr::read_raw(), 0U);
    ASSERT_NO_FATAL_FAILURE(switch_over());
    ASSERT_EQ(world_.core().current, &writes);
    EXPECT_EQ(csr::fcsr::read_raw(), 0x60U);
}

TEST_F(Units, AreLoadedOnlyWhenAnotherHadThem) {
    auto* const one = world_.run();
    one->sstatus |= fs_dirty;
    world_.core().block(*one);
    auto* const two = world_.run();
    two->sstatus |= fs_dirty;
    world_.core().block(*two);
    EXPECT_EQ(world_.run(), nullptr);
    world_.core().forget(*two);
    world_.core().floats_owner = two;
    fake::hart().float_loads = 0;
    two->signal(Request::software_interrupt);
    EXPECT_EQ(world_.run(), two);
    EXPECT_EQ(fake::hart().float_loads, 0U);
    csr::hvip::clear_bits(vs_software);
    world_.core().block(*two);
    one->signal(Request::software_interrupt);
    EXPECT_EQ(world_.run(), one);
    EXPECT_EQ(fake::hart().float_loads, 1U);
}

TEST_F(Units, OfThoseThatNeverChangedThemAreZeroAndNeedNotBeLoaded) {
    EXPECT_EQ(fake::hart().float_loads, 1U);  // after reset anything may be in there
    switch_over();
    switch_over();
    switch_over();
    EXPECT_EQ(fake::hart().float_loads, 1U);
    auto& changes = *world_.core().current;
    changes.sstatus |= fs_dirty;
    switch_over();
    EXPECT_EQ(fake::hart().float_loads, 2U);  // zero again, for whoever never changed them
    switch_over();
    EXPECT_EQ(world_.core().current, &changes);
    EXPECT_EQ(fake::hart().float_loads, 3U);
    EXPECT_EQ(world_.core().floats_owner, &changes);
}

TEST_F(Units, OfAHartThatStartsAgainAreZero) {
    ASSERT_NO_FATAL_FAILURE(switch_over());
    second_.floats.f[3] = 7;
    second_.changed = {vm::Units::floats};
    vm_.stopped(second_);
    auto& again = world_.start(vm_, 1);
    EXPECT_EQ(again.floats.f[3], 0U);
    EXPECT_NE(world_.core().floats_owner, &again);
}

TEST(Core, FencesWhatAnotherVcpuCachedWhileNobodysTablesCanBeWalked) {
    RecordProperty("rules", "norm:vs_stage_speculative_a_bit norm:asid_hart_private");
    World world{1};
    auto& vm = world.add({.vcpus = 2});
    world.start(vm);
    ASSERT_EQ(world.run(), vm.vcpu(0));
    csr::vsatp::write_raw(0x8000'0000'0008'0200);
    u32 fences = 0;
    fake::hart().on_fence = [&](fake::Fence const& fence) {
        if (fence.kind != fake::Fence::Kind::guest_virtual) return;
        ++fences;
        EXPECT_EQ(csr::vsatp::read_raw(), 0U);
    };
    EXPECT_EQ(&world.start(vm, 1), vm.vcpu(1));
    EXPECT_EQ(world.run(), vm.vcpu(1));
    EXPECT_EQ(fences, 1U);
}

}  // namespace
}  // namespace antler::vm
