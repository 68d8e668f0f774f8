// What the page says of lateness.
#include <fmt/format.h>

#include <algorithm>

#include "cli/bench_latency.hpp"
#include "cli/bench_scale.hpp"

namespace antler::cli {
namespace {

constexpr std::string_view head = R"(
## Latency

Exact, in microseconds of the guest's clock, of which an instruction is a thousandth. A program in a Linux guest (guests/linux/naps.cpp)
does as cyclictest does: with a real-time priority it sleeps until the next millisecond by its monotonic clock, 2,000 times,
and asks how late it is. Its own kernel is in it: that is all of `native`. The noisy guest is another Linux that calculates,
fills memory, makes processes and talks through pipes without end, on the only hart of the board. The program begins when its own
kernel has ended its start in the background: until then that VM takes all of its share, and who has had a turn of 5 ms waits as
long for the next. `antler_weight` has the greatest `cpus.weight`.
`kvm_nice` is KVM where the measured QEMU goes before the others in its host.

![histogram: how often a wake-up was how late, under each system](benchmarks/latency.svg)

| guest | system | median | 99 % are no later than | worst |
|---|---|---:|---:|---:|
)";

struct Line {
    std::string_view row;
    std::string system;
};
std::vector<Line> lines_of(Figures const& figures) {
    std::vector<Line> lines;
    for (auto const& row : latency_rows())
        for (auto const& system : systems_of(figures))
            if (find(figures, fmt::format("{}_worst", row.name), system)) lines.push_back({row.name, system});
    return lines;
}

}  // namespace

std::string latency_section(Record const& record) {
    std::string page{head};
    for (auto const& [row, system] : lines_of(record.figures)) {
        auto const known = std::ranges::find(latency_rows(), row, &LatencyRow::name);
        page += fmt::format("| {} | {} |", known->what, system);
        for (auto const* const which : {"median", "99", "worst"})
            page += fmt::format(
                " {} |", shown(find(record.figures, fmt::format("{}_{}", row, which), system).value_or(0)));
        page += "\n";
    }
    return page;
}

LineChart latency_picture(Record const& record) {
    LineChart chart{.title = "How late a guest wakes up, of 2,000 times",
                    .across = "microseconds late",
                    .up = "times",
                    .lines = {},
                    .logarithmic_across = true,
                    .logarithmic_up = true};
    constexpr double nothing = 0.5;  // a logarithm has no zero
    for (auto const& [row, system] : lines_of(record.figures)) {
        LineChart::Line line{.name = fmt::format("{}{}", system, row == "late_noisy" ? ", noisy" : ""),
                             .points = {}};
        for (auto const& [begin, times] : points_of(record.figures, row, system)) {
            auto const from = std::max(begin, nothing), to = late_bin_end(begin);
            for (auto const& point : {std::pair{from, nothing}, {from, times}, {to, times}, {to, nothing}})
                line.points.push_back(point);
        }
        chart.lines.push_back(std::move(line));
    }
    return chart;
}

}  // namespace antler::cli
