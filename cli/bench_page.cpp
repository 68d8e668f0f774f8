// The page of figures.
#include "cli/bench_page.hpp"

#include <fmt/format.h>

namespace antler::cli {

std::string benchmarks_page(Record const& own, Record const& rivals) {
    auto figures = own.figures;
    figures.insert(figures.end(), rivals.figures.begin(), rivals.figures.end());
    std::vector<std::string> systems{std::string{ours}};
    for (auto const& system : systems_of(figures))
        if (system != ours) systems.push_back(system);
    std::string page =
        "# What it costs\n\n"
        "Written by `./antler bench --markdown` from bench/results/antler.json and bench/rivals.json: do not "
        "edit.\n\n"
        "Instructions, of any privilege level, for one operation of a small S-mode guest, counted by QEMU\n"
        "(`-icount shift=0,sleep=off`), where an instruction is a nanosecond: such counts are exact and come "
        "out\n"
        "the same in every run. `native` is the same guest on QEMU's firmware, without a hypervisor. A goal "
        "is a\n"
        "figure that Antler must not exceed. `wake_1ms` is a time, in nanoseconds; `list_latency` is one "
        "too, in milliseconds by the clock on the wall, the median of 100, and differs from run to run. An "
        "instruction count says "
        "nothing\n"
        "about caches and page walks, which cost nothing here; on silicon they do.\n\n";
    page += markdown_table(figures, systems);
    page += "\n## How the figures came about\n\n";
    for (auto const& [name, value] : own.circumstances) page += fmt::format("* {}: {}\n", name, value);
    page += "\nThe others, measured once and kept in bench/rivals.json:\n\n";
    for (auto const& [name, value] : rivals.circumstances) page += fmt::format("* {}: {}\n", name, value);
    return page;
}

}  // namespace antler::cli
