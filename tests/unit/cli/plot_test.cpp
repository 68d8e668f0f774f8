// Pictures: their axes, their numbers, and that they are what a browser takes.
#include "cli/plot.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "cli/plot_canvas.hpp"

namespace antler::cli {
namespace {

std::ptrdiff_t count(std::string_view text, std::string_view what) {
    std::ptrdiff_t found = 0;
    for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++found;
    return found;
}

TEST(Axis, HasRoundStepsAroundWhatItShows) {
    EXPECT_EQ(axis_steps(0, 9, false), (std::vector<double>{0, 2, 4, 6, 8, 10}));
    EXPECT_EQ(axis_steps(0, 330, false), (std::vector<double>{0, 100, 200, 300, 400}));
    EXPECT_EQ(axis_steps(46, 4735, true), (std::vector<double>{10, 100, 1000, 10000}));
    EXPECT_EQ(axis_steps(1, 1, true), (std::vector<double>{1}));
}

TEST(Axis, PutsAThousandBetweenAHundredAndTenThousand) {
    Scale const scale{.least = 100, .most = 10000, .from = 0, .to = 200, .logarithmic = true};
    EXPECT_DOUBLE_EQ(scale.at(1000), 100);
    EXPECT_DOUBLE_EQ(scale.at(1), 0) << "what lies outside is at the edge";
    EXPECT_DOUBLE_EQ(scale.at(1e9), 200);
    EXPECT_DOUBLE_EQ((Scale{.least = 5, .most = 5, .from = 7, .to = 9, .logarithmic = false}.at(5)), 7);
}

TEST(Numbers, AreShort) {
    EXPECT_EQ(short_number(46), "46");
    EXPECT_EQ(short_number(1.3), "1.3");
    EXPECT_EQ(short_number(118.5), "118.5");
    EXPECT_EQ(short_number(4735), "4735");
    EXPECT_EQ(short_number(37325), "37.3 k");
    EXPECT_EQ(short_number(938031500), "938.03 M");
    EXPECT_EQ(short_number(1046000000), "1.05 G");
}

TEST(Bars, AreAsManyAsThereAreValues) {
    BarChart const chart{.title = "exits & <more>",
                         .unit = "instructions",
                         .series = {"a", "b"},
                         .groups = {{"call", {46, 952}}, {"fault", {std::nullopt, 4424}}}};
    auto const picture = svg(chart);
    EXPECT_TRUE(picture.starts_with("<svg "));
    EXPECT_TRUE(picture.ends_with("</svg>\n"));
    EXPECT_TRUE(picture.contains("exits &amp; &lt;more&gt;"));
    constexpr std::ptrdiff_t background = 1, legend = 2;
    EXPECT_EQ(count(picture, "<rect "), 3 + background + legend);
    EXPECT_TRUE(picture.contains(">952</text>"));
}

TEST(Bars, OfNothingAreAPictureStill) {
    EXPECT_TRUE(
        svg(BarChart{.title = "nothing", .unit = "", .series = {}, .groups = {}}).ends_with("</svg>\n"));
    EXPECT_TRUE(svg(LineChart{.title = "nothing"}).ends_with("</svg>\n"));
}

TEST(Curves, StandWhereTheirPointsAre) {
    LineChart const chart{.title = "switch",
                          .across = "VMs",
                          .up = "instructions",
                          .lines = {{"antler", {{2, 326}, {128, 330}}}},
                          .logarithmic_across = true,
                          .logarithmic_up = false};
    auto const picture = svg(chart);
    EXPECT_EQ(count(picture, "<polyline "), 1);
    EXPECT_EQ(count(picture, "<circle "), 2);
    EXPECT_TRUE(picture.contains(">128</text>")) << "few places that were measured are named";
}

TEST(Curves, LeaveOutWhatHasNoLogarithm) {
    LineChart const chart{.title = "late",
                          .across = "ns",
                          .up = "times",
                          .lines = {{"antler", {{0, 0}, {10, 5}}}},
                          .logarithmic_across = false,
                          .logarithmic_up = true};
    EXPECT_EQ(count(svg(chart), "<circle "), 1);
}

}  // namespace
}  // namespace antler::cli
