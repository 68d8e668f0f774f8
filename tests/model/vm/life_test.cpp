// Whatever happens to VMs, in whatever order: who is stopped does not run, who started is somewhere, and a VM
// that is over stays so.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

using abi::sbi::HartState;
namespace csr = hart::csr;

constexpr u32 harts = 3;

class Life : public testing::TestWithParam<u32> {
protected:
    Life() {
        for (u32 i = 0; i < 3; ++i) {
            Policies policies{};
            policies.on_poweroff = i == 0 ? Afterwards::restart : Afterwards::destroy;
            policies.on_crash = i == 1 ? Afterwards::restart : Afterwards::destroy;
            vms_.push_back(&world_.add({.vcpus = 3, .first_hart = i, .policies = policies}));
            world_.on(i, [&](Core&) { VERIFY(vms_.back()->power_on().ok()); });
        }
    }

    // The guest that runs on this hart does something.
    void act(u32 hart) {
        auto* const vcpu = world_.run(hart);
        if (vcpu == nullptr) return;
        ASSERT_EQ(vcpu->hart_state.load(), HartState::started);
        ASSERT_EQ(vcpu->place, Vcpu::Place::running);
        ASSERT_EQ(world_.core(hart).current, vcpu);
        ASSERT_FALSE(vcpu->vm.is_over());
        world_.on(hart, [&](Core& core) {
            auto& vm = vcpu->vm;
            auto& other = *vm.vcpu(random_() % vm.vcpu_count());
            switch (random_() % 12) {
                case 0: vm.stopped(*vcpu); break;
                case 1:
                case 2:
                case 3: static_cast<void>(vm.start_hart(other.id, {.pc = World::code, .opaque = 0})); break;
                case 4:
                case 5: core.block(*vcpu); break;
                case 6: other.signal(Request::software_interrupt); break;
                case 7:
                    vcpu->entry = {.pc = World::code + 0x100, .opaque = 0};
                    vcpu->restarts_on_wake = true;
                    vcpu->hart_state = HartState::suspended;
                    core.block(*vcpu);
                    break;
                case 8: vm.set_timer(*vcpu, fake::hart().now - vm.time_delta() + random_() % 50); break;
                case 9: core.must_choose = true; break;
                case 10:
                    if (random_() % 10 == 0) vm.end(random_() % 2 != 0 ? Ending::reboot : Ending::crash);
                    break;
                default: csr::hvip::write({}); vcpu->exits = {};
            }
        });
    }
    void pass_time(u32 hart) {
        world_.on(hart, [&](Core& core) {
            fake::hart().now += random_() % 30;
            if (random_() % 4 == 0) core.timer_fired();
            if (random_() % 4 == 0) {
                csr::sip::set_bits(host_software_pending);
                core.serve_interrupts();
            }
        });
    }
    void check() {
        u64 over = 0;
        for (auto* const vm : vms_) {
            over += vm->is_over();
            for (u32 id = 0; id < vm->vcpu_count(); ++id) {
                auto& vcpu = *vm->vcpu(id);
                auto const state = vcpu.hart_state.load();
                bool const exists = state == HartState::started || state == HartState::suspended;
                ASSERT_EQ(exists, vcpu.place != Vcpu::Place::nowhere);
                ASSERT_EQ(vcpu.waiting, vcpu.place == Vcpu::Place::queued);
                ASSERT_EQ(vcpu.loaded.load(), vcpu.home->current == &vcpu);
                if (vm->is_over()) ASSERT_EQ(state, HartState::stopped);
            }
        }
        ASSERT_EQ(fake::outside().machines_gone, over);
    }

    World world_{harts};
    std::vector<Vm*> vms_{};
    std::mt19937 random_{GetParam()};
};

TEST_P(Life, KeepsItsPromises) {
    for (int step = 0; step < 2'000; ++step) {
        auto const hart = static_cast<u32>(random_() % harts);
        if (random_() % 3 == 0) {
            pass_time(hart);
        } else {
            act(hart);
        }
        if (testing::Test::HasFatalFailure()) return;
        check();
        if (testing::Test::HasFatalFailure()) FAIL() << "step " << step;
    }
    // At the end all of them end.
    for (auto* const vm : vms_) vm->end(Ending::poweroff);
    world_.run_all();
    for (int round = 0; round < 20; ++round)
        for (u32 hart = 0; hart < harts; ++hart) static_cast<void>(world_.run(hart));
    for (auto* const vm : vms_)
        EXPECT_TRUE(vm->is_over() || vm->policies().on_poweroff == Afterwards::restart || vm->has_crashed());
}

INSTANTIATE_TEST_SUITE_P(FromManySeeds, Life, testing::Range(0U, 60U));

}  // namespace
}  // namespace antler::vm
