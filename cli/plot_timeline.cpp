// Bars of stages, one after another.
#include <algorithm>

#include "cli/plot.hpp"
#include "cli/plot_canvas.hpp"

namespace antler::cli {

std::string svg(TimeLine const& line) {
    constexpr double width = 820, left = 90, right = 50, bar = 24, gap = 14, axis = 44, legend_line = 18;
    double most = 1;
    for (auto const& row : line.rows)
        for (auto const end : row.ends) most = std::max(most, end);
    auto const steps = axis_steps(0, most, false);
    auto const across = Scale{.least = 0, .most = steps.back(), .from = left, .to = width - right};
    // The words of a stage are long, so each has a line of its own.
    auto const top = 48 + legend_line * static_cast<double>(line.stages.size());
    auto const bottom = top + (bar + gap) * static_cast<double>(line.rows.size());
    Canvas canvas{width, bottom + axis, line.title};
    for (std::size_t i = 0; i < line.stages.size(); ++i) {
        auto const y = 46 + legend_line * static_cast<double>(i);
        canvas.box(16, y - 9, 10, 10, Canvas::colour(i));
        canvas.words({.x = 31, .y = y}, line.stages[i]);
    }
    for (auto const step : steps) {
        canvas.line(across.at(step), top - 6, across.at(step), bottom);
        canvas.words({.x = across.at(step), .y = bottom + 14, .anchor = "middle", .quiet = true},
                     short_number(step));
    }
    canvas.words({.x = (left + width - right) / 2, .y = bottom + 34, .anchor = "middle", .quiet = true},
                 line.unit);
    auto y = top;
    for (auto const& row : line.rows) {
        auto begin = left;
        for (std::size_t i = 0; i < row.ends.size(); ++i) {
            auto const end = std::max(begin, across.at(row.ends[i]));
            canvas.box(begin, y, end - begin, bar, Canvas::colour(i));
            begin = end;
        }
        canvas.words({.x = left - 8, .y = y + bar / 2 + 4, .anchor = "end"}, row.label);
        y += bar + gap;
    }
    return std::move(canvas).finish();
}

}  // namespace antler::cli
