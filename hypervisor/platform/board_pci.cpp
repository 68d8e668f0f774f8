// `reg`, `ranges` and `interrupt-map` of a PCI host bridge.
#include "platform/board_pci.hpp"

namespace antler::platform {
namespace {

using abi::FdtProperty;
using abi::FdtReader;
using abi::FdtWalk;

// A PCI address has three cells: the first says which space it is of.
constexpr usize child_cells = 3;
constexpr u32 space_mask = 0x0300'0000;
constexpr u32 port_space = 0x0100'0000;
constexpr u32 memory_space = 0x0200'0000;

void read_windows(FdtProperty const& ranges, u32 outer, BoardPci& pci) {
    usize const entry = child_cells + outer + 2;
    for (usize at = 0; at + entry <= ranges.cells(); at += entry) {
        auto const space = ranges.cell(at).value_or(0) & space_mask;
        if (space != memory_space && space != port_space) continue;
        auto const bus = ranges.number_at(at + 1, 2).value_or(0);
        HpaRange const seen{Hpa{ranges.number_at(at + child_cells, outer).value_or(0)},
                            ranges.number_at(at + child_cells + outer, 2).value_or(0)};
        auto& window = space == memory_space ? pci.memory : pci.ports;
        if (seen.size == 0 || seen.wraps() || window) continue;
        window = BoardPciWindow{seen, bus};
    }
}

void read_wires(FdtReader const& tree, FdtProperty const& map, BoardPci& pci) {
    // What one controller takes is looked up once: maps name the same one in every line.
    u32 known = 0;
    usize address_cells = 0;
    usize interrupt_cells = 0;
    for (usize at = 0; at + child_cells + 2 <= map.cells();) {
        BoardPci::Wire wire;
        wire.device = map.cell(at).value_or(0);
        wire.pin = map.cell(at + child_cells).value_or(0);
        wire.controller = map.cell(at + child_cells + 1).value_or(0);
        if (known != wire.controller) {
            auto const controller = tree.by_phandle(wire.controller);
            if (!controller) return;
            address_cells = controller->number("#address-cells").value_or(0);
            interrupt_cells = controller->number("#interrupt-cells").value_or(0);
            if (address_cells > 4 || interrupt_cells == 0 || interrupt_cells > 4) return;
            known = wire.controller;
        }
        at += child_cells + 2 + address_cells;
        auto const source = map.cell(at);
        if (!source) return;
        wire.source = *source;
        if (interrupt_cells > 1) wire.flags = map.cell(at + 1).value_or(0);
        at += interrupt_cells;
        static_cast<void>(pci.wires.push(wire));
    }
}

void read_iommu_map(FdtProperty const& map, BoardPci& pci) {
    for (usize at = 0; at + 4 <= map.cells(); at += 4)
        static_cast<void>(
            pci.iommu_map.lines.push({map.cell(at).value_or(0), map.cell(at + 1).value_or(0),
                                      map.cell(at + 2).value_or(0), map.cell(at + 3).value_or(0)}));
}

}  // namespace

void read_pci(FdtReader const& tree, FdtWalk const& walk, std::optional<BoardPci>& into) {
    auto const node = walk.node();
    auto const region = walk.reg(0);
    if (!region) return;
    HpaRange const configuration{Hpa{region->address}, region->size};
    if (configuration.size == 0 || configuration.wraps()) return;
    auto& pci = into.emplace();
    pci.configuration = configuration;
    auto const outer = walk.parent().number("#address-cells").value_or(2);
    auto const ranges = node.property("ranges");
    if (ranges && (outer == 1 || outer == 2)) read_windows(*ranges, static_cast<u32>(outer), pci);
    auto const mask = node.property("interrupt-map-mask");
    pci.device_mask = mask ? mask->cell(0).value_or(0) : 0;
    if (auto const map = node.property("interrupt-map")) read_wires(tree, *map, pci);
    if (auto const map = node.property("iommu-map")) read_iommu_map(*map, pci);
    if (auto const bits = node.property("iommu-map-mask"))
        pci.iommu_map.mask = bits->cell(0).value_or(0xffff);
}

}  // namespace antler::platform
