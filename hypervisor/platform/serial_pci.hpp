// A serial port of the 16550's kind behind PCI.
#pragma once

#include <optional>

#include "memory/house.hpp"
#include "platform/board.hpp"
#include "platform/pci.hpp"

namespace antler::platform {

// The first there is, with registers that the house sees from now on.
[[nodiscard]] std::optional<BoardUart> find_serial_pci(PciBridge& bridge, memory::House& house);

}  // namespace antler::platform
