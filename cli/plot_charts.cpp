// The two kinds of pictures.
#include <algorithm>
#include <cmath>

#include "cli/plot.hpp"
#include "cli/plot_canvas.hpp"

namespace antler::cli {
namespace {

constexpr double width = 820;
constexpr double top = 66;  // below the title and the legend

Scale scale_of(std::vector<double> const& steps, double from, double to, bool logarithmic) {
    return {.least = steps.front(), .most = steps.back(), .from = from, .to = to, .logarithmic = logarithmic};
}

// A logarithm has no zero.
std::pair<double, double> range(std::vector<double> const& values, bool logarithmic) {
    double least = 0, most = 1;
    bool any = false;
    for (auto const value : values) {
        if (logarithmic && value <= 0) continue;
        least = any ? std::min(least, value) : value;
        most = any ? std::max(most, value) : value;
        any = true;
    }
    if (!any) return {1, 10};
    if (!logarithmic) least = std::min(least, 0.0);
    return {least, most > least ? most : least + 1};
}

}  // namespace

std::string svg(BarChart const& chart) {
    constexpr double left = 270, right = 70, bar = 11, gap = 10, axis = 40;
    std::vector<double> values;
    double height = top;
    for (auto const& group : chart.groups) {
        auto const bars = std::ranges::count_if(group.values, [](auto const& v) { return v.has_value(); });
        height += bar * static_cast<double>(bars) + gap;
        for (auto const& value : group.values)
            if (value) values.push_back(*value);
    }
    auto const [least, most] = range(values, true);
    auto const steps = axis_steps(std::min(least, most / 10), most, true);
    auto const across = scale_of(steps, left, width - right, true);
    Canvas canvas{width, height + axis, chart.title};
    canvas.legend(46, chart.series);
    for (auto const step : steps) {
        canvas.line(across.at(step), top - 6, across.at(step), height);
        canvas.words({.x = across.at(step), .y = height + 14, .anchor = "middle", .quiet = true},
                     short_number(step));
    }
    canvas.words({.x = (left + width - right) / 2, .y = height + 32, .anchor = "middle", .quiet = true},
                 chart.unit);
    double y = top;
    for (auto const& group : chart.groups) {
        auto const first = y;
        for (std::size_t i = 0; i < group.values.size(); ++i) {
            if (!group.values[i]) continue;
            auto const end = across.at(*group.values[i]);
            canvas.box(left, y, std::max(end - left, 1.0), bar - 2, Canvas::colour(i));
            canvas.words({.x = end + 4, .y = y + bar - 3, .size = 10}, short_number(*group.values[i]));
            y += bar;
        }
        canvas.words({.x = left - 8, .y = (first + y) / 2 + 3, .anchor = "end"}, group.label);
        y += gap;
    }
    return std::move(canvas).finish();
}

std::string svg(LineChart const& chart) {
    constexpr double left = 80, right = 30, bottom = 340, height = 400;
    std::vector<double> xs, ys;
    for (auto const& line : chart.lines)
        for (auto const& [x, y] : line.points) {
            xs.push_back(x);
            ys.push_back(y);
        }
    auto const [low, high] = range(ys, chart.logarithmic_up);
    auto const up_steps = axis_steps(low, high, chart.logarithmic_up);
    auto const up = scale_of(up_steps, bottom, top, chart.logarithmic_up);
    // Along it are the places that were measured, where those are few.
    auto const [first, last] = range(xs, chart.logarithmic_across);
    constexpr std::size_t few = 10;
    std::ranges::sort(xs);
    xs.erase(std::ranges::unique(xs).begin(), xs.end());
    auto const measured = !xs.empty() && xs.size() <= few;
    auto const across_steps = measured ? xs : axis_steps(first, last, chart.logarithmic_across);
    auto const across = scale_of(across_steps, left, width - right, chart.logarithmic_across);

    Canvas canvas{width, height, chart.title};
    std::vector<std::string> names;
    for (auto const& line : chart.lines) names.push_back(line.name);
    canvas.legend(46, names);
    for (auto const step : up_steps) {
        canvas.line(left, up.at(step), width - right, up.at(step));
        canvas.words({.x = left - 8, .y = up.at(step) + 4, .anchor = "end", .quiet = true},
                     short_number(step));
    }
    for (auto const step : across_steps) {
        canvas.line(across.at(step), top, across.at(step), bottom);
        canvas.words({.x = across.at(step), .y = bottom + 18, .anchor = "middle", .quiet = true},
                     short_number(step));
    }
    canvas.words({.x = (left + width - right) / 2, .y = bottom + 42, .anchor = "middle", .quiet = true},
                 chart.across);
    canvas.words({.x = width - right, .y = 46, .anchor = "end", .quiet = true}, chart.up);
    for (std::size_t i = 0; i < chart.lines.size(); ++i) {
        std::vector<std::pair<double, double>> points;
        for (auto const& [x, y] : chart.lines[i].points)
            if ((!chart.logarithmic_up || y > 0) && (!chart.logarithmic_across || x > 0))
                points.emplace_back(across.at(x), up.at(y));
        canvas.curve(points, Canvas::colour(i));
    }
    return std::move(canvas).finish();
}

}  // namespace antler::cli
