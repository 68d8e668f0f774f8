// Where an IOMMU's registers are, and what goes through it.
#include "platform/iommu_board.hpp"

#include <bit>

#include "hart/fence.hpp"

namespace antler::platform {
namespace {

// Base class 08, sub-class 06, interface 00.                    [iommu PCIe configuration space]
constexpr u32 iommu_class = 0x08'06'00;

}  // namespace

u32 MmioIommu::read(u32 offset) {
    return mmio_read<u32>(base_ + offset);
}
u64 MmioIommu::read64(u32 offset) {
    return mmio_read<u64>(base_ + offset);
}
void MmioIommu::write(u32 offset, u32 value) {
    hart::fence_io();
    mmio_write<u32>(base_ + offset, value);
}
void MmioIommu::write64(u32 offset, u64 value) {
    hart::fence_io();
    mmio_write<u64>(base_ + offset, value);
}

void IommuBoard::open(Hpa registers, Iommus::Kind kind, std::optional<BoardWire> wire,
                      std::optional<PciFunction> const& function, Iommus& into) {
    auto const index = into.size();
    if (index == Iommus::most) return;
    wires_[index] = wire;
    if (function) functions_[index].emplace(*function);
    // Numbers have as many bits as the largest in the map.
    auto const bits = static_cast<u32>(std::bit_width(map_.last_number(kind.phandle) | 1));
    // One that does not open refuses all its devices, and stays as it is.
    (void)into.add(registers_[index].emplace(registers), kind, bits, wire.has_value());
}

void IommuBoard::find(Board const& board, memory::House& house, PciBridge* bridge, Iommus& into) {
    if (board.pci) map_ = board.pci->iommu_map;
    for (auto const& told : board.iommus) {
        if (told.requester || told.registers.size < isa::iommu::register_bytes) continue;
        if (!house.map_device(told.registers)) continue;
        open(told.registers.start, {told.phandle, "iommu-sys"}, board.wire(told.interrupt), {}, into);
    }
    if (bridge != nullptr)
        bridge->for_each([&](PciFunction const& function) {
            if (function.read(0x08) >> 8 != iommu_class) return;
            Iommus::Kind kind{0, "iommu-pci"};
            bool told = false;
            for (auto const& iommu : board.iommus)
                if (iommu.requester == function.requester()) {
                    kind.phandle = iommu.phandle;
                    told = true;
                }
            // One that the tree does not tell of has the whole bus behind it, itself excepted.
            if (!told && map_.lines.empty()) {
                (void)map_.lines.push({0, 0, 0, function.requester()});
                u32 const next = function.requester() + 1u;
                (void)map_.lines.push({next, 0, next, 0x1'0000 - next});
            }
            bridge->enable(function);
            auto const bar = bridge->bar(function, 0);
            if (!bar || bar->size < isa::iommu::register_bytes || !house.map_device(*bar)) return;
            open(bar->start, kind, board.wire(bridge->interrupt(function)), function, into);
        });
    into.use_map(map_);
}

}  // namespace antler::platform
