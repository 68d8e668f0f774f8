// Equals come in the order of their arrival, and nobody twice.
#include "sched/run_queue.hpp"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <random>

namespace antler::sched {
namespace {

TEST(RunQueue, GivesBackInTheOrderOfArrival) {
    RunQueue queue;
    std::array<Entity, 3> all;
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.pop_front(), nullptr);
    for (auto& entity : all) queue.push(entity);
    for (auto& entity : all) EXPECT_EQ(queue.pop_front(), &entity);
    EXPECT_TRUE(queue.empty());
}

TEST(RunQueue, HasNobodyTwice) {
    RunQueue queue;
    Entity one, two;
    queue.push(one);
    queue.push(two);
    queue.push(one);
    EXPECT_EQ(queue.pop_front(), &one);
    EXPECT_EQ(queue.pop_front(), &two);
    EXPECT_TRUE(queue.empty());
}

TEST(RunQueue, LosesOnlyWhoIsRemoved) {
    for (usize gone = 0; gone < 3; ++gone) {
        RunQueue queue;
        std::array<Entity, 3> all;
        for (auto& entity : all) queue.push(entity);
        queue.remove(all[gone]);
        queue.remove(all[gone]);  // does not wait any more
        Entity later;
        queue.push(later);
        for (usize i = 0; i < 3; ++i)
            if (i != gone) EXPECT_EQ(queue.pop_front(), &all[i]);
        EXPECT_EQ(queue.pop_front(), &later);
        EXPECT_TRUE(queue.empty());
    }
}

TEST(RunQueue, IsAQueueWhateverIsDoneToIt) {
    std::mt19937 random{1};
    RunQueue queue;
    std::array<Entity, 8> all;
    std::deque<Entity*> expected;
    for (int step = 0; step < 20'000; ++step) {
        auto& entity = all[random() % all.size()];
        auto const waits = std::find(expected.begin(), expected.end(), &entity);
        switch (random() % 3) {
            case 0:
                queue.push(entity);
                if (waits == expected.end()) expected.push_back(&entity);
                break;
            case 1:
                queue.remove(entity);
                if (waits != expected.end()) expected.erase(waits);
                break;
            default:
                ASSERT_EQ(queue.pop_front(), expected.empty() ? nullptr : expected.front());
                if (!expected.empty()) expected.pop_front();
        }
        ASSERT_EQ(queue.empty(), expected.empty());
    }
}

}  // namespace
}  // namespace antler::sched
