// The parts of the table of keys, each in a file of its own.
#pragma once

#include "base/units.hpp"
#include "cli/schema.hpp"

namespace antler::cli {

inline constexpr u64 most_memory = 1024_GiB;
inline constexpr u64 most_path = 4095;
inline constexpr u32 most_spare_disks = 16;

[[nodiscard]] std::span<Row const> machine_rows();  // machine, hypervisor, switch
[[nodiscard]] std::span<Row const> vm_rows();
[[nodiscard]] std::span<Row const> device_rows();  // disks, net, channels

}  // namespace antler::cli
