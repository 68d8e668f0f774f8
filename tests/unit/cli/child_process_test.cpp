// How another program is waited for.
#include "cli/child_process.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace antler::cli {
namespace {

using namespace std::chrono_literals;

TEST(ChildProcess, MayBeSilentForAllOfItsTime) {
    EXPECT_EQ(poll_timeout(12h), 43'200'000);
    EXPECT_EQ(poll_timeout(1ms), 1);
    EXPECT_EQ(poll_timeout(-1ms), 0);
    EXPECT_EQ(poll_timeout(24h * 365), std::numeric_limits<int>::max());
}

TEST(ChildProcess, IsEndedWhenItsTimeIsOver) {
    auto const captured = capture({"/bin/sleep", "60"}, 1s);
    EXPECT_TRUE(captured.timed_out);
    EXPECT_FALSE(captured.succeeded());
}

TEST(ChildProcess, SaysWhatItPrintedAndHowItEnded) {
    auto const captured = capture({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, 60s);
    EXPECT_EQ(captured.output, "out\nerr\n");
    EXPECT_EQ(captured.status, 3 << 8);
}

}  // namespace
}  // namespace antler::cli
