// What the page says of workloads.
#include <fmt/format.h>

#include "cli/bench_linux.hpp"
#include "cli/bench_workloads.hpp"

namespace antler::cli {
namespace {

constexpr std::string_view head = R"(
## Workloads

A Linux guest with one vCPU and 256 MiB, on a board with one hart; `iperf3` is between two guests on a board with two. The
first table is exact: instructions of any privilege level, from the workload's start to its end, by the guest's own clock
under `-icount shift=0,sleep=off`. The goal is no more than 1.01 times what the machine takes without a hypervisor.

)";

constexpr std::string_view time_words = R"(
This table is of times by the clock on the wall, in milliseconds, which differ from run to run: each is the median of {} rounds
in which the systems took turns, with the least and the most. `ratio` is Antler's time to KVM's of the same round; the goal
for the median is {:.2f}. Time in an emulator is not time on silicon: there, what counts is mostly how often a guest is left
and how often its memory is looked up. `fio` and `iperf3` wait for the world outside, so their instructions say nothing.

`antler, ticks` is the same guest without Sstc, so that each of its ticks is an exit. QEMU 10 drops its cache of translations at
every exit, and only then looks whether to make it larger (where more than 70 % of it were in use). A guest that is never
left goes on with a small one and walks both stages again for each page that is not in it: 32 MiB from pointer to pointer
(`chase`) are quicker with exits than without. It is the emulator's; the instructions are those of the first table.

)";

std::string cell(std::optional<double> value) {
    return value ? fmt::format(" {} |", shown(*value)) : " |";
}

std::string with_spread(Figures const& figures, std::string_view row, std::string_view system) {
    for (auto const& figure : figures)
        if (figure.row == row && figure.system == system && figure.spread)
            return fmt::format(" {} ({}–{}) |", shown(figure.instructions), shown(figure.spread->least),
                               shown(figure.spread->most));
    return " |";
}

std::string part_of(std::optional<double> value, std::optional<double> whole) {
    return value && whole ? fmt::format(" {:.4f} |", *value / *whole) : " |";
}

}  // namespace

std::string workloads_section(Record const& record) {
    auto const& figures = record.figures;
    std::string page{head};
    page += "![bars: instructions of each workload, under each system](benchmarks/workloads.svg)\n\n";
    page +=
        "| workload | what | native | antler | kvm | antler ÷ native | kvm ÷ native |\n"
        "|---|---|---:|---:|---:|---:|---:|\n";
    for (auto const& one : workloads()) {
        if (!one.counted) continue;
        auto const alone = find(figures, one.name, native);
        auto const mine = find(figures, one.name, ours), theirs = find(figures, one.name, "kvm");
        page += fmt::format("| `{}` | {} |{}{}{}{}{}\n", one.name, one.what, cell(alone), cell(mine),
                            cell(theirs), part_of(mine, alone), part_of(theirs, alone));
    }
    page += fmt::format(time_words, workload_rounds, workload_time_goal);
    page += "| workload | native | antler | antler, ticks | kvm | ratio |\n|---|---:|---:|---:|---:|---:|\n";
    for (auto const& one : workloads()) {
        page += fmt::format("| `{}` |", one.name);
        for (auto const system : {native, ours, ours_with_ticks, std::string_view{"kvm"}})
            page += with_spread(figures, time_row(one.name), system);
        page += with_spread(figures, ratio_row(one.name), ours) + "\n";
    }
    auto const missed = missed_workload_goals(figures);
    if (!missed.empty()) page += "\nMissed:\n\n";
    for (auto const& sentence : missed) page += fmt::format("* {}\n", sentence);
    return page;
}

BarChart workloads_picture(Record const& record) {
    BarChart chart{.title = "Work in a Linux guest",
                   .unit = "instructions (logarithmic)",
                   .series = {"antler", "native", "kvm"},
                   .groups = {}};
    for (auto const& one : workloads()) {
        if (!one.counted) continue;
        BarChart::Group group{.label = std::string{one.name}, .values = {}};
        for (auto const& system : chart.series)
            group.values.push_back(find(record.figures, one.name, system));
        chart.groups.push_back(std::move(group));
    }
    return chart;
}

}  // namespace antler::cli
