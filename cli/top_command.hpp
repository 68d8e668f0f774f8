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
// The busiest first; those that are the same by name.  At most `lines` lines.
[[nodiscard]] std::string top_table(std::vector<TopRow> rows, u64 interval, usize lines);

}  // namespace antler::cli
