// `antler bench --explain ROW`: where the instructions of a row's exits go, function by function.
#pragma once

#include <string>
#include <string_view>

#include "cli/exit_trace.hpp"
#include "cli/places.hpp"
#include "cli/qemu.hpp"

namespace antler::cli {

inline constexpr u64 loaded_at = 0x8020'0000;  // where QEMU's firmware starts what -kernel names

// Runs the machine with every instruction of the hypervisor logged.  Throws Failure.
[[nodiscard]] ExitTrace trace_exits(QemuMachine machine, Path const& hypervisor);

// The commonest exits, each with its functions in the order in which it comes to them.
[[nodiscard]] std::string explain(std::string_view row, ExitTrace const& trace, Path const& hypervisor);

}  // namespace antler::cli
