// What a guest's device tree says of devices that are the board's.
#pragma once

#include "abi/fdt_writer.hpp"
#include "vm/device_tree_interrupts.hpp"
#include "vm/lent_devices.hpp"

namespace antler::vm {

// In /soc: the board's nodes, with the addresses and wires that they have here, and without what leads to
// nodes that are not.
void write_lent(abi::FdtWriter& tree, std::span<LentDevice const> devices, InterruptTree const& wires);
[[nodiscard]] usize lent_room(std::span<LentDevice const> devices);

}  // namespace antler::vm
