// What a Linux guest's work costs: in instructions beside the machine without a hypervisor, and in time
// beside KVM.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bench_data.hpp"
#include "cli/plot.hpp"

namespace antler::cli {

struct Workload {
    std::string_view name;
    std::string_view what;
    bool counted = true;  // instructions say something about it: it waits for nothing outside the board
};
[[nodiscard]] std::span<Workload const> workloads();

// No more than so many times the instructions of the machine alone, and the time under KVM.
inline constexpr double workload_goal = 1.01;
inline constexpr double workload_time_goal = 1.05;
inline constexpr unsigned workload_rounds = 5;

// Rows of times: NAME_ms under each system, and NAME_ratio, ours to KVM's, of each round.
[[nodiscard]] std::string time_row(std::string_view workload);
[[nodiscard]] std::string ratio_row(std::string_view workload);

// The median and the ends of what the rounds said.
[[nodiscard]] Figure timed(std::string row, std::string_view system, std::vector<double> values);

[[nodiscard]] std::vector<std::string> missed_workload_goals(Figures const& figures);

[[nodiscard]] Record measure_workloads(std::vector<std::string> const& wanted,
                                       std::vector<std::string>& problems);

[[nodiscard]] std::string workloads_section(Record const& record);
[[nodiscard]] BarChart workloads_picture(Record const& record);

}  // namespace antler::cli
