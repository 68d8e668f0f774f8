// Two of these on one hart pass it to each other by wfi, and one says what a change from one VM to the other
// takes: `bench world_switch_seen INSTRUCTIONS`, or `world_switch_seen_fp` where the command line says `fp`;
// where it says `v` they change a vector register, and where it says `sta` they are told what others had of
// their time.  Where it says `naps=N` each of them sleeps for N ticks, again and again, after as many
// milliseconds as `after=` says: `bench turn INSTRUCTIONS` is what it takes until it is the same one's turn
// again.
#include <array>
#include <span>
#include <utility>

#include "guests/bench/measure.hpp"

extern "C" {
void pingpong(antler::u64 rounds);
void pingpong_with_floats(antler::u64 rounds);
void pingpong_with_vectors(antler::u64 rounds);
}

namespace antler::guests {
namespace {

constexpr u64 rounds = 10;
constexpr usize batches = 1000;
constexpr usize batches_to_look_at = 20;   // where each instruction is written down
constexpr u64 naps_before = 10'000;        // until who has slept for long has no credit any more
constexpr u64 own_instructions = 3;        // of a turn of the loop
constexpr u64 own_instructions_float = 4;  // the same with one that changes a register

std::array<u64, batches> taken;

void sort(std::span<u64> taken) {
    for (usize i = 1; i < taken.size(); ++i)
        for (auto at = i; at > 0 && taken[at] < taken[at - 1]; --at) std::swap(taken[at], taken[at - 1]);
}

// Sleeps so many times until its timer comes.
void nap(u64 times, u64 ticks) {
    for (; times != 0; --times) {
        auto const end = now() + ticks;
        csr::stimecmp::write(end);
        do wait_for_interrupt();
        while (now() < end);
    }
}

void take_naps(u64 ticks) {
    constexpr u64 milliseconds_in_second = 1000;
    constexpr u64 for_ever = ~u64{0};
    csr::sie::write(irq::bit(irq::timer));
    nap(1, number_of("after=") * guest().hertz / milliseconds_in_second);  // the others start meanwhile
    nap(told("talks") ? naps_before : for_ever, ticks);
    auto const all = std::span{taken}.first(batches_to_look_at);
    for (auto& one : all) {
        auto const start = bench::start_of_tick();
        nap(rounds * rounds, ticks);
        one = now() - start;
    }
    sort(all);
    bench::report("turn", bench::tenths(all[all.size() / 2], rounds * rounds));
    say("bench done");
    power_off(sbi::ResetReason::none);
}

}  // namespace

void run() {
    if (auto const ticks = number_of("naps=")) return take_naps(ticks);
    // An interrupt that is always pending and never taken: wfi ends at once, but lets others go first.
    csr::sie::write(irq::bit(irq::timer));
    bool const sstc = !expect_trap([] { csr::stimecmp::write(0); });
    if (!sstc) sbi::set_timer(0);
    bool const floats = told("fp");
    bool const vectors = told("v");
    if (floats || vectors) csr::sstatus::set(sstatus_bit::fs_initial);
    if (vectors) csr::sstatus::set(sstatus_bit::vs_initial);
    if (told("sta") &&
        sbi::call(sbi::Eid::steal_time, sbi::StealTimeFid::set_shared_memory, take_pages(1)).status !=
            sbi::Status::success)
        give_up("steal time is not told");
    auto* pass = pingpong;
    if (floats) pass = pingpong_with_floats;
    if (vectors) pass = pingpong_with_vectors;
    // The other one says nothing; it goes on for as long as somebody answers.
    bool const talks = told("talks");
    constexpr u64 turns_a_tick = 10;
    if (!talks) {
        u64 ticks = ~u64{0};
        while (ticks > rounds * batches_to_look_at / turns_a_tick) {
            auto const start = now();
            pass(rounds * batches_to_look_at);
            ticks = now() - start;
        }
        return power_off(sbi::ResetReason::none);
    }
    auto const count = told("few") ? batches_to_look_at : batches;
    pass(rounds * batches_to_look_at);  // until the other one has come
    for (auto& one : std::span{taken}.first(count)) {
        auto const start = bench::start_of_tick();
        pass(rounds * rounds);
        one = now() - start;
    }
    sort(std::span{taken}.first(count));
    auto const own = floats || vectors ? own_instructions_float : own_instructions;
    auto const both_ways = bench::tenths(taken[count / 2], rounds * rounds).n;
    bench::report(floats ? "world_switch_seen_fp" : "world_switch_seen", {both_ways / 2 - own * 10});
    say("bench done");
    power_off(sbi::ResetReason::none);
}

}  // namespace antler::guests
