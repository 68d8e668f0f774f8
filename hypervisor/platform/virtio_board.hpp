// Every virtio device of the board, behind either bus; found once, at start.
#pragma once

#include <array>
#include <optional>

#include "memory/house.hpp"
#include "platform/board.hpp"
#include "platform/iommus.hpp"
#include "platform/pci.hpp"
#include "platform/virtio_device.hpp"
#include "platform/virtio_mmio.hpp"
#include "platform/virtio_pci.hpp"

namespace antler::platform {

class VirtioBoard {
public:
    static constexpr usize most = 32;  // behind each bus

    VirtioBoard() = default;
    VirtioBoard(VirtioBoard const&) = delete;
    VirtioBoard& operator=(VirtioBoard const&) = delete;

    // The slots of virtio-mmio first, in the order of their addresses, then the functions of PCI.
    // Those of PCI get their memory through `iommus` where these are in the way.
    // `wanted`(requester) are left alone.
    template <class Wanted>
    void find(Board const& board, memory::House& house, PciBridge* bridge, Iommus& iommus, Wanted&& wanted) {
        find_mmio(board);
        if (bridge == nullptr) return;
        bridge->for_each([&](PciFunction const& function) {
            if (!wanted(function.requester())) add(board, house, *bridge, function, iommus);
        });
    }

    // Calls body(VirtioTransport&) for every device of this type, in an order that does not change.  The
    // transports stay where they are.
    template <class Body>
    void for_each(abi::virtio::DeviceId type, Body&& body) {
        for (usize i = 0; i < count_; ++i)
            if (all_[i]->device() == type) body(*all_[i]);
    }
    [[nodiscard]] usize size() const { return count_; }

private:
    void find_mmio(Board const& board);
    void add(Board const& board, memory::House& house, PciBridge& bridge, PciFunction const& function,
             Iommus& iommus);

    std::array<std::optional<VirtioMmio>, most> mmio_{};
    std::array<std::optional<VirtioPci>, most> pci_{};
    std::array<VirtioTransport*, 2 * most> all_{};
    usize pci_count_ = 0;
    usize count_ = 0;
};

}  // namespace antler::platform
