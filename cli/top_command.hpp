// `antler top`: which VMs use the harts, again and again, the busiest first.
#pragma once

#include <string>
#include <vector>

#include "cli/vm_commands.hpp"

namespace antler::cli {

struct TopOptions : Asked {
    bool once = false;
    double interval = 2;  // seconds
};
int top_command(TopOptions const& options);

// One VM between two looks at it.
struct TopRow {
    std::string name{};
    std::string state{};
    u64 run = 0;  // nanoseconds of the interval
    u64 steal = 0;
    u64 exits = 0;
    u64 memory = 0;
    u64 overhead = 0;
};
// One hart between two looks at it.
struct TopHart {
    u32 index = 0;
    u64 busy = 0;  // nanoseconds
    u64 idle = 0;
};
// "Harts: 0 12 % busy, 1 100 %".
[[nodiscard]] std::string top_harts(std::vector<TopHart> const& harts);

// The busiest first; those that are the same by name.  At most `lines` lines.
[[nodiscard]] std::string top_table(std::vector<TopRow> rows, u64 interval, usize lines);

}  // namespace antler::cli
