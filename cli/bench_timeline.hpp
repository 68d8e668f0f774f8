// Where the time of a boot goes: what a quiet Linux did when, by its own log.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bench_data.hpp"
#include "cli/plot.hpp"

namespace antler::cli {

// A row `boot/NAME` says when that was over, in instructions since Linux' clock began.
struct BootStage {
    std::string_view name;
    std::string_view what;
    std::string_view line;  // of Linux' log, at its end
};
[[nodiscard]] std::span<BootStage const> boot_stages();

// What a guest said: lines `mark SECONDS TEXT`, as its log has them.
[[nodiscard]] Figures parse_marks(std::string_view console, std::string_view system);

[[nodiscard]] Record measure_timeline(std::vector<std::string> const& wanted,
                                      std::vector<std::string>& problems);

[[nodiscard]] std::string timeline_section(Record const& record);
[[nodiscard]] TimeLine timeline_picture(Record const& record);

}  // namespace antler::cli
