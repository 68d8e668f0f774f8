// Curves: their points, and what they may not do.
#include "cli/bench_scale.hpp"

#include <gtest/gtest.h>

#include "cli/bench_measure.hpp"

namespace antler::cli {
namespace {

TEST(ACurve, HasThePointsThatItsRowsName) {
    Figures const figures{{"switch/128", "antler", 330}, {"switch/2", "antler", 320},
                          {"switch/2", "kvm", 9},        {"switches/2", "antler", 1},
                          {"switch/x", "antler", 1},     {"switch", "antler", 1}};
    EXPECT_EQ(points_of(figures, "switch", "antler"),
              (std::vector<std::pair<double, double>>{{2, 320}, {128, 330}}));
}

TEST(ABoard, SaysLastWhenItWasEntered) {
    EXPECT_EQ(last_number("OpenSBI v1.6\r\n12\r\n34567\r\n\n"), 34567);
    EXPECT_EQ(last_number("34"), 34);
    EXPECT_EQ(last_number("\n"), 0);
}

TEST(ASwitch, MayGrowByATenthFromTwoVmsToManyAndNoMore) {
    EXPECT_TRUE(missed_growth({{"switch/2", "antler", 100}, {"switch/128", "antler", 110}}).empty());
    EXPECT_EQ(missed_growth({{"switch/2", "antler", 100}, {"switch/128", "antler", 111}}).size(), 1U);
    EXPECT_TRUE(missed_growth({{"switch/2", "antler", 100}}).empty());
}

}  // namespace
}  // namespace antler::cli
