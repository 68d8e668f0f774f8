// Shares by weight, what sleepers keep, caps, and deadlines in order.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <set>

#include "sched/deadlines.hpp"
#include "sched/run_queue.hpp"

namespace antler::sched {
namespace {

constexpr u64 slice = 50'000;

// Everybody always wants the hart; who had how much after so many turns.
template <usize count>
std::array<u64, count> run(RunQueue& queue, std::array<Entity, count>& all, int turns) {
    std::array<u64, count> had{};
    for (auto& entity : all) queue.push(entity);
    for (int turn = 0; turn < turns; ++turn) {
        auto& entity = *queue.pop_front();
        had[static_cast<usize>(&entity - all.data())] += slice;
        entity.charge(slice);
        queue.push(entity);
    }
    return had;
}

TEST(Shares, FollowTheWeights) {
    RunQueue queue;
    std::array<Entity, 3> all;
    all[0].weight = 512;
    all[2].weight = 128;
    auto const had = run(queue, all, 7000);
    EXPECT_NEAR(static_cast<double>(had[0]) / had[1], 2.0, 0.01);
    EXPECT_NEAR(static_cast<double>(had[1]) / had[2], 2.0, 0.01);
}

TEST(Shares, OfWhoSleptCountFromNowButForALittle) {
    RunQueue queue;
    std::array<Entity, 2> hogs;
    static_cast<void>(run(queue, hogs, 1000));
    Entity sleeper;
    queue.wake(sleeper, 16 * slice);
    EXPECT_EQ(queue.first(), &sleeper);  // it comes first,
    int turns = 0;
    for (; queue.first() == &sleeper; ++turns) {
        static_cast<void>(queue.pop_front());
        sleeper.charge(slice);
        queue.push(sleeper);
    }
    EXPECT_LE(turns, 3);  // and not for long
}

TEST(Shares, OfWhoHadTheHartForItselfStayAsTheyAre) {
    RunQueue queue;
    Entity alone, later;
    for (int turn = 0; turn < 1000; ++turn) {
        alone.charge(slice);
        queue.nobody_waited_for(alone);
    }
    queue.wake(later, 16 * slice);
    queue.push(alone);
    static_cast<void>(queue.pop_front());
    later.charge(slice);
    later.charge(slice);
    queue.push(later);
    EXPECT_EQ(queue.first(), &alone);  // it waits two turns, not a thousand
}

TEST(Shares, MoveWithAnEntityToAnotherQueue) {
    RunQueue old_queue, new_queue;
    std::array<Entity, 2> here, there;
    static_cast<void>(run(old_queue, here, 10'000));
    static_cast<void>(run(new_queue, there, 10));
    old_queue.leave(here[0]);
    new_queue.arrive(here[0]);
    new_queue.push(here[0]);
    // It waits no longer than anybody else there.
    int before = 0;
    for (; new_queue.first() != &here[0] && before < 10; ++before) {
        auto& first = *new_queue.pop_front();
        first.charge(slice);
        new_queue.push(first);
    }
    EXPECT_LE(before, 3);
}

TEST(Allowance, EndsAndComesBackWithThePeriod) {
    Allowance allowance{.per_period = 100};
    allowance.begin(1000, 500);
    allowance.charge(60);
    EXPECT_FALSE(allowance.is_used_up(1060));
    allowance.begin(1200, 500);
    allowance.charge(60);
    EXPECT_TRUE(allowance.is_used_up(1260));
    EXPECT_TRUE(allowance.is_used_up(1499));
    EXPECT_FALSE(allowance.is_used_up(1500));
    allowance.begin(1500, 500);
    EXPECT_EQ(allowance.left, 100U);
    Allowance none;
    none.charge(~u64{0});
    EXPECT_FALSE(none.is_used_up(5));
}

TEST(Deadlines, AreSortedWhateverIsSet) {
    std::mt19937 random{1};
    Deadlines deadlines;
    std::array<Deadline, 12> all;
    std::multiset<u64> expected;
    for (int step = 0; step < 20'000; ++step) {
        auto& one = all[random() % all.size()];
        if (one.at != no_deadline) expected.erase(expected.find(one.at));
        u64 const at = random() % 4 == 0 ? no_deadline : random() % 50;
        deadlines.set(one, at);
        EXPECT_EQ(one.at, at);
        if (at != no_deadline) expected.insert(at);
        ASSERT_EQ(deadlines.next(), expected.empty() ? no_deadline : *expected.begin());
    }
    for (; deadlines.first() != nullptr; expected.erase(expected.begin())) {
        ASSERT_EQ(deadlines.next(), *expected.begin());
        deadlines.remove(*deadlines.first());
    }
    EXPECT_TRUE(expected.empty());
}

}  // namespace
}  // namespace antler::sched
