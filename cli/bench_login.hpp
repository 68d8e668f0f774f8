// What Debian's systemd costs until it asks who is there: instructions, and exits by kind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/bench_data.hpp"

namespace antler::cli {

inline constexpr std::string_view login_row = "login";
// `login_exits/KIND`: of what kind the exits until then were.
inline constexpr std::string_view login_exits_row = "login_exits";
inline constexpr double login_goal = 1.01;  // times the machine alone

[[nodiscard]] Record measure_login(std::vector<std::string> const& wanted,
                                   std::vector<std::string>& problems);

// What a host with KVM says of the exits until then, by kind.
[[nodiscard]] Figures kvm_login_exits(std::string_view console);

[[nodiscard]] std::string login_section(Record const& record);

}  // namespace antler::cli
