// When a hart is said to be stuck.
#include "vm/heartbeat.hpp"

#include <gtest/gtest.h>

namespace antler::vm {
namespace {

using Verdict = HeartbeatWatch::Verdict;

TEST(Heartbeat, a_hart_that_beats_is_fine) {
    HeartbeatWatch watch;
    for (u64 beat = 1; beat < 100; ++beat) EXPECT_EQ(watch.look(beat), Verdict::fine);
}

TEST(Heartbeat, a_hart_that_has_not_begun_is_not_missed) {
    HeartbeatWatch watch;
    for (u64 i = 0; i < 100; ++i) EXPECT_EQ(watch.look(0), Verdict::fine);
}

TEST(Heartbeat, silence_is_asked_about_and_told_after_a_second_and_once_more) {
    HeartbeatWatch watch;
    EXPECT_EQ(watch.look(5), Verdict::fine);
    u64 milliseconds = 0;
    auto verdict = watch.look(5);
    for (; verdict == Verdict::ask; verdict = watch.look(5))
        milliseconds += HeartbeatWatch::period_milliseconds;
    EXPECT_EQ(verdict, Verdict::stuck);
    EXPECT_GT(milliseconds, 1'000u);
    EXPECT_LT(milliseconds, 2'000u);
    EXPECT_EQ(watch.look(5), Verdict::still_stuck);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(watch.look(5), Verdict::fine);
}

TEST(Heartbeat, a_hart_that_goes_on_after_it_was_reported_is_not_told_of_again) {
    HeartbeatWatch watch;
    (void)watch.look(5);
    while (watch.look(5) != Verdict::stuck) {
    }
    EXPECT_EQ(watch.look(6), Verdict::fine);
    EXPECT_EQ(watch.look(6), Verdict::ask);
}

TEST(Heartbeat, a_hart_that_came_back_may_be_missed_again) {
    HeartbeatWatch watch;
    (void)watch.look(5);
    while (watch.look(5) != Verdict::stuck) {
    }
    EXPECT_EQ(watch.look(6), Verdict::fine);
    EXPECT_EQ(watch.look(6), Verdict::ask);
    while (watch.look(6) != Verdict::stuck) {
    }
}

TEST(Heartbeat, a_hart_that_rests_is_not_asked_until_somebody_needs_it) {
    HeartbeatWatch watch;
    for (int i = 0; i < 100; ++i) EXPECT_EQ(watch.look(5, false), Verdict::fine);
    EXPECT_EQ(watch.look(5, true), Verdict::ask);
    EXPECT_EQ(watch.look(5, false), Verdict::fine);  // it was served, though it did not beat
    EXPECT_EQ(watch.look(5, true), Verdict::ask);
    while (watch.look(5, true) != Verdict::stuck) {
    }
}

}  // namespace
}  // namespace antler::vm
