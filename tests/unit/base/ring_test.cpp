// The bounded queue.
#include "base/ring.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace antler {
namespace {

TEST(Ring, IsEmptyAtFirst) {
    Ring<u8, 4> ring;
    EXPECT_TRUE(ring.empty());
    EXPECT_FALSE(ring.pop());
    EXPECT_FALSE(ring.peek());
    EXPECT_EQ(ring.room(), 4u);
}

TEST(Ring, RefusesWhatHasNoRoomAndKeepsTheRest) {
    Ring<u8, 2> ring;
    EXPECT_TRUE(ring.push(1) && ring.push(2));
    EXPECT_TRUE(ring.full());
    EXPECT_FALSE(ring.push(3));
    EXPECT_EQ(ring.pop(), 1);
    EXPECT_EQ(ring.pop(), 2);
    EXPECT_TRUE(ring.empty());
}

TEST(Ring, BehavesLikeAQueueWithABound) {
    EXPECT_TRUE(rc::check([](std::vector<std::pair<bool, u8>> const& steps) {
        Ring<u8, 8> ring;
        std::deque<u8> model;
        for (auto const& [pushes, value] : steps) {
            if (pushes) {
                RC_ASSERT(ring.push(value) == (model.size() < 8));
                if (model.size() < 8) model.push_back(value);
            } else {
                auto const front = model.empty() ? std::nullopt : std::optional{model.front()};
                RC_ASSERT(ring.peek() == front);
                RC_ASSERT(ring.pop() == front);
                if (front) model.pop_front();
            }
            RC_ASSERT(ring.size() == model.size());
            RC_ASSERT(ring.room() == 8 - model.size());
        }
    }));
}

TEST(Ring, ForgetsEverythingWhenCleared) {
    Ring<int, 4> ring;
    EXPECT_TRUE(ring.push(1) && ring.push(2));
    ring.clear();
    EXPECT_TRUE(ring.empty());
    EXPECT_TRUE(ring.push(7));
    EXPECT_EQ(ring.pop(), 7);
}

}  // namespace
}  // namespace antler
