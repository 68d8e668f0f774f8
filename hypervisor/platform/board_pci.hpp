// A PCI host bridge with memory-mapped configuration, as the board's device tree tells of it.
#pragma once

#include <optional>

#include "abi/fdt_reader.hpp"
#include "base/address.hpp"
#include "platform/board_iommu.hpp"
#include "platform/bounded_list.hpp"

namespace antler::platform {

// Where the bridge turns addresses of harts into addresses of the bus.
struct BoardPciWindow {
    HpaRange seen{};  // by harts
    u64 bus_address = 0;
};

struct BoardPci {
    static constexpr usize max_wires = 128;

    // One line of interrupt-map: this pin of this device raises this source.
    struct Wire {
        u32 device = 0;  // the address cell's bits that the mask lets through
        u32 pin = 0;     // 1 to 4: INTA to INTD
        u32 controller = 0;
        u32 source = 0;
        u32 flags = 0;
    };

    HpaRange configuration{};
    std::optional<BoardPciWindow> memory{};  // of addresses that fit 32 bits
    std::optional<BoardPciWindow> ports{};   // which harts reach by loads and stores, too
    u32 device_mask = 0;
    BoundedList<Wire, max_wires> wires{};
    IommuMap iommu_map{};

    // What the pin of a device of the first bus raises.
    [[nodiscard]] std::optional<Wire> wire(u32 device, u32 function, u32 pin) const {
        auto const cell = (device << 11 | function << 8) & device_mask;
        for (auto const& wire : wires)
            if (wire.device == cell && wire.pin == pin) return wire;
        return std::nullopt;
    }
};

// Leaves `into` alone where the node tells too little.
void read_pci(abi::FdtReader const& tree, abi::FdtWalk const& walk, std::optional<BoardPci>& into);

}  // namespace antler::platform
