// How much a noisy machine changes for a VM on a hart of its own: nothing, by the count of its hart's
// instructions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.hpp"
#include "cli/bench_data.hpp"

namespace antler::cli {

// No more of what a dedicated hart retires lies outside its guest, nor does a job's own count change by more.
inline constexpr double most_outside_percent = 2;
inline constexpr double most_change_percent = 0.1;

// What bench/plugin/ wrote of the hart whose guest marks its jobs.
struct JobCounts {
    std::vector<double> jobs{};      // instructions of the guest's own in each
    double inside = 0, outside = 0;  // of that hart
    double elsewhere = 0;            // outside of guests, on the other harts
    unsigned harts = 0;              // that marked something
};
[[nodiscard]] JobCounts parse_marks(std::string_view log);

// `job: late MICROS COUNT`, by MICROS.
[[nodiscard]] std::map<u64, double> parse_lateness(std::string_view console);

// What a noisy run may not do to a quiet one, in sentences.
[[nodiscard]] std::vector<std::string> missed_quiet(JobCounts const& quiet, JobCounts const& noisy);

[[nodiscard]] std::string interference_tables(Figures const& figures);

[[nodiscard]] Record measure_interference(std::vector<std::string> const& wanted,
                                          std::vector<std::string>& problems);

}  // namespace antler::cli
