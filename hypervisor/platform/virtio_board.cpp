// The search for virtio devices.
#include "platform/virtio_board.hpp"

namespace antler::platform {

void VirtioBoard::find_mmio(Board const& board) {
    usize used = 0;
    // Trees list slots from either end.
    u64 from = 0;
    for (usize left = board.virtio_mmio.size(); left != 0 && used < most; --left) {
        BoardVirtio const* next = nullptr;
        for (auto const& slot : board.virtio_mmio)
            if (slot.registers.start.raw() >= from &&
                (next == nullptr || slot.registers.start < next->registers.start))
                next = &slot;
        if (next == nullptr) return;
        from = next->registers.start.raw() + 1;
        if (auto const found = VirtioMmio::find(next->registers.start, board.wire(next->interrupt))) {
            mmio_[used].emplace(*found);
            all_[count_++] = &*mmio_[used++];
        }
    }
}

void VirtioBoard::add(Board const& board, memory::House& house, PciBridge& bridge,
                      PciFunction const& function, Iommus& iommus) {
    if (pci_count_ == most) return;
    auto const found = VirtioPci::find(bridge, function, house, board);
    if (!found) return;
    auto& device = pci_[pci_count_++].emplace(*found);
    if (auto const id = iommus.covers(function.requester())) (void)iommus.attach_house(*id);
    all_[count_++] = &device;
}

}  // namespace antler::platform
