// What grows with the number of VMs and of vCPUs, and what does not.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.hpp"
#include "cli/bench_data.hpp"

namespace antler::cli {

// A row `NAME/N` is the point at N of the curve NAME.
struct Curve {
    std::string_view name;
    std::string_view what;
    std::string_view across;  // what N counts
};
[[nodiscard]] std::vector<Curve> const& scale_curves();
[[nodiscard]] std::vector<std::pair<double, double>> points_of(Figures const& figures, std::string_view curve,
                                                               std::string_view system);

inline constexpr u32 harts_for_vcpus = 8;

// A switch where this many VMs share a hart takes no more than so many times that of two.
inline constexpr u32 most_vms_measured = 128;
inline constexpr double switch_growth_goal = 1.1;
[[nodiscard]] std::vector<std::string> missed_growth(Figures const& figures);

[[nodiscard]] Record measure_scale(std::vector<std::string> const& wanted,
                                   std::vector<std::string>& problems);

}  // namespace antler::cli
