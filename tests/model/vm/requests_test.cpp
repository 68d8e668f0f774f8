// Several harts at once pass requests to one another: each is seen, none is lost, nobody waits for ever.
#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <random>
#include <thread>

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

namespace csr = hart::csr;
using Clock = std::chrono::steady_clock;

constexpr u32 harts = 4;
constexpr u32 most_vcpus = 8;

class Requests : public testing::TestWithParam<u32> {
protected:
    Requests() : vm_{world_.add({.vcpus = GetParam()})} {
        VERIFY(vm_.power_on().ok());
        for (u32 id = 1; id < GetParam(); ++id)
            VERIFY(vm_.start_hart(id, {.pc = World::code, .opaque = 0}) == abi::sbi::Status::success);
        deadline_ = Clock::now() + std::chrono::seconds{60};
    }

    // This thread is now the hart with this index; `body(core)` runs with its vCPUs begun.
    template <class Body>
    void as_hart(u32 index, Body body) {
        fake::reset_hart();
        auto& core = world_.core(index);
        fake::hart().current = &core;
        static_cast<void>(core.settle());
        body(core);
    }
    template <class Body>
    void on_every_hart(Body body) {
        std::vector<std::thread> threads;
        for (u32 index = 0; index < harts; ++index)
            threads.emplace_back([&, index] { as_hart(index, [&](Core& core) { body(core); }); });
        for (auto& thread : threads) thread.join();
    }
    // What a hart does between a guest's exits; sees what came for its vCPUs.
    void look(Core& core, bool next) {
        core.must_choose = next;
        static_cast<void>(core.settle());
        for (auto* vcpu = core.residents; vcpu != nullptr; vcpu = vcpu->next_at_home) {
            bool const loaded = core.current == vcpu;
            auto const hvip = loaded ? csr::hvip::read_raw() : vcpu->csrs.hvip;
            if ((hvip & vs_software) == 0) continue;
            if (loaded) {
                csr::hvip::clear_bits(vs_software);
            } else {
                vcpu->csrs.hvip &= ~vs_software;
            }
            for (auto& sender : asked_) sender[vcpu->id].store(false);
        }
    }
    [[nodiscard]] bool late() {
        if (Clock::now() < deadline_) return false;
        ++lost_;
        return true;
    }
    // Goes on looking until every hart has come this far.
    void meet(Core& core) {
        auto const all = (met_++ / harts + 1) * harts;
        while (met_ < all && !late()) {
            look(core, false);
            std::this_thread::yield();
        }
        look(core, false);
    }

    World world_{harts};
    Vm& vm_;
    std::array<std::array<std::atomic<bool>, most_vcpus>, harts> asked_{};
    std::atomic<u32> met_ = 0;
    std::atomic<u32> lost_ = 0;
    Clock::time_point deadline_;
};

TEST_P(Requests, AreSeenEachWhoeverRuns) {
    std::array<std::mutex, most_vcpus> lines;
    on_every_hart([&](Core& core) {
        std::mt19937 random{core.index + 1};
        for (int round = 0; round < 3'000 && lost_ == 0; ++round) {
            auto& target = *vm_.vcpu(random() % GetParam());
            if (random() % 4 == 0) {
                std::scoped_lock const lock{lines[target.id]};  // as the lock of the VM's devices
                target.external.store(!target.external.load());
                target.signal(Request::external_changed);
                continue;
            }
            auto& mine = asked_[core.index][target.id];
            mine.store(true);
            target.signal(Request::software_interrupt);
            while (mine.load() && !late()) {
                look(core, random() % 8 == 0);
                std::this_thread::yield();
            }
        }
        meet(core);
        for (auto* vcpu = core.residents; vcpu != nullptr; vcpu = vcpu->next_at_home) {
            EXPECT_EQ(vcpu->requests.load(), 0U);
            EXPECT_FALSE(vcpu->in_inbox.load());
            auto const hvip = core.current == vcpu ? csr::hvip::read_raw() : vcpu->csrs.hvip;
            EXPECT_EQ((hvip & vs_external) != 0, vcpu->external.load()) << vcpu->id;
        }
        EXPECT_EQ(core.inbox.load(), nullptr);
    });
    EXPECT_EQ(lost_.load(), 0U);
}

// Each hart has its one vCPU loaded; one that is away would be fenced whole instead.
class RequestsOfLoadedHarts : public Requests {};

TEST_P(RequestsOfLoadedHarts, FencesAreExecutedBeforeWhoAskedGoesOn) {
    constexpr u64 rounds = 200;  // who waits spins, so each costs a turn of the host's scheduler
    std::array<std::array<std::atomic<u64>, harts>, harts> executed{};  // by sender: how many on this target
    on_every_hart([&](Core& core) {
        std::mt19937 random{core.index + 77};
        std::array<u64, harts> sent{};
        // Takes what this hart has executed out of its record.
        auto const publish = [&] {
            for (auto const& fence : fake::hart().fences)
                if (fence.kind == fake::Fence::Kind::guest_virtual && fence.address && fence.identifier)
                    ++executed[core.index][*fence.identifier];
            fake::hart().fences.clear();
        };
        meet(core);  // all are loaded
        u64 asked = 0;
        for (u64 round = 0; round < rounds; ++round) {
            auto const id = static_cast<u32>(random() % harts);
            if (id == core.index) continue;
            auto& target = *vm_.vcpu(id);
            auto const ticket = target.ask_fence({.kind = GuestFence::Kind::range_of_space,
                                                  .asid = static_cast<u16>(core.index),
                                                  .start = Gva{(round + 1) * page_bytes},
                                                  .size = page_bytes});
            target.wait_for_fence(ticket);
            EXPECT_GE(static_cast<i32>(target.fences_done.load() - ticket), 0);
            ++sent[id];
            ++asked;
            publish();
            if (random() % 16 == 0) look(core, false);
        }
        meet(core);
        publish();
        ++met_;
        while (met_ < 3 * harts && !late()) std::this_thread::yield();
        for (u32 id = 0; id < harts; ++id)
            EXPECT_EQ(executed[id][core.index].load(), sent[id]) << id << " of " << asked;
    });
    EXPECT_EQ(lost_.load(), 0U);
}

INSTANTIATE_TEST_SUITE_P(WithOneVcpuOnAHart, RequestsOfLoadedHarts, testing::Values(harts));
INSTANTIATE_TEST_SUITE_P(WithOneOrTwoVcpusOnAHart, Requests, testing::Values(harts, 2 * harts));

}  // namespace
}  // namespace antler::vm
