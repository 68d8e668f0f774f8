// What grows with the number of VMs and of vCPUs under KVM.
#pragma once

#include <string>
#include <vector>

#include "cli/bench_data.hpp"

namespace antler::cli {

// Points of the curves of bench_scale.hpp.  There are none of `switch`: a guest whose interrupt is pending
// does not give its hart away by wfi there, so `turn`, with a timer, tells what it takes.
[[nodiscard]] Record measure_scale_kvm(std::vector<std::string> const& wanted,
                                       std::vector<std::string>& problems);

}  // namespace antler::cli
