// Pictures of figures as SVG: bars beside one another, and curves.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace antler::cli {

// Bars lie, one below the other, a group for each label; their lengths are logarithms, for one system's are
// a thousand times another's.
struct BarChart {
    std::string title{};
    std::string unit{};  // of what the bars are long
    std::vector<std::string> series{};
    struct Group {
        std::string label{};
        std::vector<std::optional<double>> values{};  // as the series
    };
    std::vector<Group> groups{};
};
[[nodiscard]] std::string svg(BarChart const& chart);

struct LineChart {
    std::string title{};
    std::string across{}, up{};  // what the axes count
    struct Line {
        std::string name{};
        std::vector<std::pair<double, double>> points{};
    };
    std::vector<Line> lines{};
    bool logarithmic_across = false;
    bool logarithmic_up = false;
};
[[nodiscard]] std::string svg(LineChart const& chart);

// What came one after another, a bar for each row.
struct TimeLine {
    std::string title{};
    std::string unit{};
    std::vector<std::string> stages{};
    struct Row {
        std::string label{};
        std::vector<double> ends{};  // of the stages
    };
    std::vector<Row> rows{};
};
[[nodiscard]] std::string svg(TimeLine const& line);

// Round numbers that divide what lies between two others into a few parts.
[[nodiscard]] std::vector<double> axis_steps(double least, double most, bool logarithmic);
// 1,234 or 1.5 or 12 M: as little as says it.
[[nodiscard]] std::string short_number(double value);
// What XML does not take as it is.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace antler::cli
