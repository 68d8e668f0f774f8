// The node of a VM's PCI host bridge.
#pragma once

#include "vm/device_tree_interrupts.hpp"
#include "vm/pci_host.hpp"

namespace antler::vm {

inline constexpr usize pci_node_room = 1536;

void write_pci(abi::FdtWriter& tree, PciHost const& host, InterruptTree const& wires);

}  // namespace antler::vm
