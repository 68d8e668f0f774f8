// The life of a virtual machine: harts that start and stop, what its ends are, and what follows.
#include <gtest/gtest.h>

#include <cstring>

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

using abi::sbi::HartState;
using abi::sbi::Status;
namespace csr = hart::csr;

TEST(VmLife, BeginsWithWhatSbiPromises) {
    RecordProperty("rules", "norm:hstatus_spv_op");
    World world;
    fake::hart().now = 777;
    auto& vm = world.add({.vcpus = 2, .shown = {.sstc = true, .f = true}});
    auto& first = world.start(vm);
    EXPECT_EQ(first.pc, World::code);
    EXPECT_EQ(first.x[10], 0U);
    EXPECT_EQ(first.x[11], World::tree_at);
    EXPECT_EQ(csr::vsatp::read_raw(), 0U);
    EXPECT_FALSE(isa::Vsstatus::sie::get(csr::vsstatus::read().raw));
    EXPECT_TRUE(isa::Sstatus::spp::get(first.sstatus));  // VS-mode ...
    EXPECT_TRUE(isa::Hstatus::spv::get(first.hstatus));  // ... of a guest
    EXPECT_EQ(csr::htimedelta::read_raw(), u64{0} - 777);
    EXPECT_EQ(csr::hcounteren::read_raw(), 7U);
    EXPECT_EQ(csr::scounteren::read_raw(), 7U);
    EXPECT_EQ(csr::vstimecmp::read_raw(), ~u64{0});
    std::array<u8, 4> magic{};
    EXPECT_TRUE(vm.ram().read(Gpa{World::tree_at}, magic));
    EXPECT_EQ(magic, (std::array<u8, 4>{0xd0, 0x0d, 0xfe, 0xed}));
}

TEST(VmLife, GrantsInHenvcfgOnlyWhatWasShown) {
    RecordProperty("rules", "norm:henvcfg_stce norm:henvcfg_pbmte_op norm:henvcfg_adue_op norm:henvcfg_cbze");
    using E = isa::Henvcfg;
    struct Case {
        isa::Features shown;
        u64 bits;
    };
    for (auto const& [shown, bits] :
         {Case{{}, 0}, Case{{.sstc = true}, E::stce::mask}, Case{{.svpbmt = true}, E::pbmte::mask},
          Case{{.svadu = true}, E::adue::mask}, Case{{.zicboz = true}, E::cbze::mask}}) {
        World world{1};
        world.start(world.add({.vcpus = 1, .shown = shown}));
        EXPECT_EQ(csr::henvcfg::read_raw(), bits);
    }
}

class Endings : public testing::TestWithParam<std::tuple<Ending, Afterwards>> {};

TEST_P(Endings, EndEveryHartAndThenFollowThePolicy) {
    auto const [how, after] = GetParam();
    Policies policies{};
    policies.on_poweroff = policies.on_reboot = policies.on_crash = Afterwards::destroy;
    (how == Ending::crash    ? policies.on_crash
     : how == Ending::reboot ? policies.on_reboot
                             : policies.on_poweroff) = after;
    World world;
    auto& vm = world.add({.vcpus = 4, .policies = policies});
    world.start(vm);
    for (u32 id = 1; id < 4; ++id) world.start(vm, id);
    world.run_all();
    vm.end(how);
    vm.end(Ending::poweroff);  // too late to change anything
    EXPECT_TRUE(vm.is_ending());
    world.run_all();
    bool const again = after == Afterwards::restart;
    EXPECT_EQ(vm.is_over(), !again);
    EXPECT_EQ(vm.has_crashed(), how == Ending::crash);
    EXPECT_EQ(fake::outside().machines_gone, again ? 0U : 1U);
    EXPECT_EQ(vm.vcpu(0)->hart_state.load(), again ? HartState::started : HartState::stopped);
    for (u32 id = 1; id < 4; ++id) EXPECT_EQ(vm.vcpu(id)->hart_state.load(), HartState::stopped) << id;
    if (!again) {
        EXPECT_EQ(world.run(0), nullptr);
        EXPECT_EQ(world.run(1), nullptr);
    } else {
        EXPECT_EQ(world.run(0), vm.vcpu(0));
        EXPECT_EQ(vm.vcpu(0)->pc, World::code);
        EXPECT_FALSE(vm.is_ending());
    }
}

INSTANTIATE_TEST_SUITE_P(OfEveryKind, Endings,
                         testing::Combine(testing::Values(Ending::poweroff, Ending::reboot, Ending::crash),
                                          testing::Values(Afterwards::destroy, Afterwards::restart,
                                                          Afterwards::preserve)));

TEST(VmLife, AHartOfAVmThatEndedWhileItWaitedItsTurnNeverRunsAgain) {
    World world{1};
    auto& vm = world.add({.vcpus = 2});
    auto& other = world.add({.vcpus = 1});
    world.start(vm);
    world.start(vm, 1);
    auto* const current = world.run();
    ASSERT_NE(current, nullptr);
    vm.end(Ending::poweroff);  // the one that runs and the one in the queue
    EXPECT_EQ(world.run(), nullptr);
    EXPECT_TRUE(vm.is_over());
    auto& survivor = world.start(other);
    for (int turn = 0; turn < 4; ++turn) {
        world.core().must_choose = true;
        EXPECT_EQ(world.run(), &survivor);
    }
}

TEST(VmLife, AHartThatStopsBeforeAllAreToldLetsTheVmBeGoneOnce) {
    World world;
    auto& vm = world.add({.vcpus = 1, .first_hart = 1});
    auto& vcpu = world.start(vm);
    ASSERT_EQ(world.run(1), &vcpu);
    fake::outside().on_ipi = [&](u32 hart) { EXPECT_EQ(world.run(hart), nullptr); };
    vm.unplug();  // from the other hart, which finds all of it stopped when it has told it
    EXPECT_TRUE(vm.is_over());
    EXPECT_EQ(fake::outside().machines_gone, 1U);
}

TEST(VmLife, ACommandToStopThatComesWhileAHartIsLoadedIsObeyed) {
    World world{1};
    auto& vm = world.add({.vcpus = 1});
    auto& other = world.add({.vcpus = 1});
    auto& first = world.start(vm);
    world.core().block(first);
    auto& second = world.start(other);
    first.signal(Request::software_interrupt);
    world.core().serve_inbox();
    world.core().block(second);
    // Between the choice and the load another hart ends the VM: enter() comes in between.
    first.vm.end(Ending::poweroff);
    world.core().inbox = nullptr;  // not seen by the choice, only by the load
    EXPECT_EQ(world.run(), nullptr);
    EXPECT_EQ(first.hart_state.load(), HartState::stopped);
    EXPECT_EQ(world.core().current, nullptr);
}

TEST(VmLife, AStopOfTheFormerLifeDoesNotStopTheNext) {
    World world;
    auto& vm = world.add({.vcpus = 2});
    auto& first = world.start(vm);
    auto& second = *vm.vcpu(1);
    second.requests.fetch_or(static_cast<u32>(Request::stop));  // sent, and not yet looked at
    EXPECT_EQ(vm.start_hart(1, {.pc = World::code, .opaque = 0}), Status::success);
    EXPECT_EQ(world.run(1), &second);
    EXPECT_EQ(second.hart_state.load(), HartState::started);
    EXPECT_EQ(first.hart_state.load(), HartState::started);
}

TEST(VmLife, AHartThatIsStartedWhileTheVmEndsStopsToo) {
    World world;
    auto& vm = world.add({.vcpus = 2});
    auto& first = world.start(vm);
    vm.end(Ending::poweroff);
    EXPECT_EQ(vm.start_hart(1, {.pc = World::code, .opaque = 0}), Status::success);
    EXPECT_EQ(world.run(0), nullptr);
    EXPECT_EQ(first.hart_state.load(), HartState::stopped);
    EXPECT_FALSE(vm.is_over());  // one is left
    EXPECT_EQ(world.run(1), nullptr);
    EXPECT_TRUE(vm.is_over());
    EXPECT_EQ(fake::outside().machines_gone, 1U);
}

TEST(VmLife, OneThatCannotBeStartedIsGoneAndCountsAsCrashed) {
    World world{1};
    auto& vm = world.add({.vcpus = 1});
    {
        fake::Shortage const none{world.board().frames, 0};
        EXPECT_FALSE(vm.power_on());
    }
    vm.could_not_start(Error::no_memory);
    EXPECT_TRUE(vm.is_over());
    EXPECT_TRUE(vm.has_crashed());
    EXPECT_EQ(fake::outside().machines_gone, 1U);
}

TEST(VmLife, OneThatCannotStartAgainIsGone) {
    World world{1};
    auto& vm = world.add({.vcpus = 1});
    world.start(vm);
    fake::Shortage const none{world.board().frames, 0};
    vm.end(Ending::reboot);
    EXPECT_EQ(world.run(), nullptr);
    EXPECT_TRUE(vm.is_over());
    EXPECT_EQ(fake::outside().machines_gone, 1U);
}

TEST(VmLife, StartHartTellsApartWhoIsThereAndWhoRuns) {
    World world;
    auto& vm = world.add({.vcpus = 2});
    world.start(vm);
    EXPECT_EQ(vm.start_hart(2, {}), Status::invalid_param);
    EXPECT_EQ(vm.start_hart(~u64{0}, {}), Status::invalid_param);
    EXPECT_EQ(vm.start_hart(0, {}), Status::already_available);
    EXPECT_EQ(vm.start_hart(1, {.pc = World::code, .opaque = 1}), Status::success);
    EXPECT_EQ(vm.start_hart(1, {.pc = World::code, .opaque = 2}), Status::already_available);
    EXPECT_EQ(world.run(1)->x[11], 1U);  // the first caller's entry
    // A refusal counts nobody: the VM is over when those who run have stopped.
    vm.end(Ending::poweroff);
    world.run_all();
    EXPECT_TRUE(vm.is_over());
}

TEST(VmLife, AnInterruptThatFollowsAStartIsNotForgotten) {
    World world;
    auto& vm = world.add({.vcpus = 2});
    world.start(vm);
    auto& second = *vm.vcpu(1);
    EXPECT_EQ(vm.start_hart(1, {.pc = World::code, .opaque = 0}), Status::success);
    second.signal(Request::software_interrupt);  // before its hart has looked
    ASSERT_EQ(world.run(1), &second);
    world.on(1, [](Core&) { EXPECT_EQ(csr::hvip::read_raw(), vs_software); });
}

TEST(VmLife, AnInterruptOfTheFormerLifeIsForgottenButNotTheLevelOfItsLine) {
    World world;
    auto& vm = world.add({.vcpus = 2});
    world.start(vm);
    auto& second = world.start(vm, 1);
    world.on(1, [&](Core&) { vm.stopped(second); });
    second.signal(Request::software_interrupt);
    second.external = true;
    second.signal(Request::external_changed);
    EXPECT_EQ(world.run(1), nullptr);
    world.start(vm, 1);
    ASSERT_EQ(world.run(1), &second);
    world.on(1, [](Core&) { EXPECT_EQ(csr::hvip::read_raw(), vs_external); });
}

TEST(VmLife, LinesAreLowAfterARestart) {
    World world{1};
    auto& vm = world.add({.vcpus = 1});
    auto& first = world.start(vm);
    first.external = true;
    first.signal(Request::external_changed);
    EXPECT_EQ(world.run(), &first);
    vm.end(Ending::reboot);
    ASSERT_EQ(world.run(), &first);
    EXPECT_EQ(csr::hvip::read_raw(), 0U);
}

TEST(VmLife, ASuspendOfTheFormerLifeDoesNotRestartTheNext) {
    World world{1};
    auto& vm = world.add({.vcpus = 1});
    auto& first = world.start(vm);
    first.entry = {.pc = World::code + 0x100, .opaque = 0};
    first.restarts_on_wake = true;
    world.core().block(first);
    vm.end(Ending::reboot);
    ASSERT_EQ(world.run(), &first);
    first.pc = World::code + 0x40;
    world.core().block(first);
    first.signal(Request::software_interrupt);
    ASSERT_EQ(world.run(), &first);
    EXPECT_EQ(first.pc, World::code + 0x40);
}

TEST(VmLife, ASuspendKeepsTheTimerAndWhatIsPending) {
    World world{1};
    auto& first = world.start(world.add({.vcpus = 1}));
    csr::vstimecmp::write_raw(5000);
    first.entry = {.pc = World::code + 0x100, .opaque = 9};
    first.restarts_on_wake = true;
    first.hart_state = HartState::suspended;
    world.core().block(first);
    EXPECT_EQ(world.run(), nullptr);
    EXPECT_EQ(fake::outside().host_timer, 5000U);
    fake::hart().now = 5000;
    world.core().timer_fired();
    ASSERT_EQ(world.run(), &first);
    EXPECT_EQ(csr::vstimecmp::read_raw(), 5000U);
    EXPECT_EQ(first.pc, World::code + 0x100);
    EXPECT_EQ(first.x[11], 9U);
    EXPECT_EQ(first.hart_state.load(), HartState::started);
}

TEST(VmLife, AStoppedHartsInterruptsDoNotKeepTheHostAwake) {
    World world{1};
    auto& vm = world.add({.vcpus = 1});
    auto& first = world.start(vm);
    csr::vsie::write_raw(0x222);
    csr::hvip::set_bits(vs_timer);
    vm.end(Ending::poweroff);
    EXPECT_EQ(world.run(), nullptr);
    EXPECT_EQ(first.hart_state.load(), HartState::stopped);
    EXPECT_EQ(csr::vsie::read_raw(), 0U);
}

TEST(VmLife, PlacesImagesInShortStepsAndZeroesWhatIsBeyondTheFile) {
    World world{1};
    auto& vm = world.add({.vcpus = 1});
    auto& frames = world.board().frames;
    auto page = std::move(frames.take(memory::Pool::house, memory::order_4k, memory::OwnerId{9})).value();
    auto* const bytes = static_cast<u8*>(memory::house_view(page.start()));
    std::memset(bytes, 0x5a, page_bytes);
    constexpr u64 at = World::code + 0x4000;
    std::vector<u8> const before(u64{40} << 10, 0xff);
    ASSERT_TRUE(vm.ram().write(Gpa{at}, before));
    Segment const segment{Gpa{at}, {page.start(), 3000}, u64{36} << 10};
    u64 done = 0;
    u32 steps = 0;
    for (bool whole = false; !whole; ++steps) {
        auto const last = done;
        whole = vm.ram().place_step(segment, done).value();
        EXPECT_LE(done - last, u64{16} << 10);
    }
    EXPECT_EQ(steps, 4U);  // the file, and what is left of 36 KiB
    std::vector<u8> after(before.size());
    ASSERT_TRUE(vm.ram().read(Gpa{at}, after));
    for (usize i = 0; i < after.size(); ++i)
        ASSERT_EQ(after[i], i < 3000 ? 0x5a : i < (36 << 10) ? 0 : 0xff) << i;
    frames.give_back(std::move(page));
}

TEST(VmLife, PlacesImagesInMemoryOnDemandThatComesInShortStepsAndWhole) {
    constexpr u64 megabyte = u64{1} << 20, step = u64{16} << 10;
    World world{1};
    auto& vm = world.add({.vcpus = 1, .filled = false, .memory_bytes = 8 * megabyte});
    auto& space = vm.ram().space();
    auto const held = [&] { return space.frames().accounting(space.owner()).guest_bytes; };
    // From one block into the next, in the middle of a step.
    constexpr u64 edge = World::code + 4 * megabyte, at = edge - step / 2;
    Segment const segment{Gpa{at}, {}, 2 * step};
    u64 done = 0;
    u32 steps = 0, placing = 0;
    for (bool whole = false; !whole; ++steps) {
        auto const last = done;
        auto const before = held();
        whole = vm.ram().place_step(segment, done).value();
        placing += done != last;
        EXPECT_LE(done - last, step);
        EXPECT_LE(held() - before, 2 * megabyte);
    }
    EXPECT_EQ(placing, 3U);
    EXPECT_EQ(steps, 3U + 2 * 7U);  // a block is zeroed in eight, the last of which places too
    EXPECT_EQ(held(), 4 * megabyte);
    EXPECT_EQ(space.lookup(Gpa{at})->leaf_bytes, 2 * megabyte);
    EXPECT_EQ(space.lookup(Gpa{edge})->leaf_bytes, 2 * megabyte);
    // One that is not whole yet goes back with the rest.
    Segment const late{Gpa{edge + 2 * megabyte}, {}, step};
    done = 0;
    EXPECT_FALSE(vm.ram().place_step(late, done).value());
    EXPECT_EQ(held(), 6 * megabyte);
    while (!vm.ram().give_back_step()) {
    }
    EXPECT_EQ(held(), 0U);
}

}  // namespace
}  // namespace antler::vm
