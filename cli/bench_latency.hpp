// How late a guest wakes up that sleeps until the next millisecond, alone and beside one that is noisy.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bench_data.hpp"
#include "cli/plot.hpp"

namespace antler::cli {

// A row `ROW/N` says how many wake-ups were N microseconds late, or more but less than the next bin;
// `ROW_median` and so on are microseconds.
struct LatencyRow {
    std::string_view name;
    std::string_view what;
};
[[nodiscard]] std::span<LatencyRow const> latency_rows();

// What a guest said: `late worst NANOSECONDS`, and lines `late by MICROSECONDS times COUNT`.
[[nodiscard]] Figures parse_lateness(std::string_view console, std::string_view row, std::string_view system);

// Where the bin begins that a lateness falls into: whole microseconds, above 20 ten bins to a power of ten.
[[nodiscard]] double late_bin(double microseconds);
[[nodiscard]] double late_bin_end(double begin);

[[nodiscard]] Record measure_latency(std::vector<std::string> const& wanted,
                                     std::vector<std::string>& problems);

[[nodiscard]] std::string latency_section(Record const& record);
[[nodiscard]] LineChart latency_picture(Record const& record);

}  // namespace antler::cli
