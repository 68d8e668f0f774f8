// As on QEMU's virt board, without ports.
#include "vm/device_tree_pci.hpp"

#include "abi/fdt_property.hpp"

namespace antler::vm {
namespace {

// Spaces of the bus, in the first cell of its addresses.
constexpr u32 memory_32 = 0x0200'0000, memory_64_prefetchable = 0x4300'0000;

struct Cells {
    std::span<u8> bytes{};
    usize at = 0;
    void put(u32 value) {
        abi::store_be32(bytes.data() + at, value);
        at += 4;
    }
    void put_wide(u64 value) {
        put(static_cast<u32>(value >> 32));
        put(static_cast<u32>(value));
    }
    void put_window(u32 space, GpaRange range) {
        put(space);
        put_wide(range.start.raw());
        put_wide(range.start.raw());
        put_wide(range.size);
    }
};

// Each line: a device, its pin, and the wire that this raises.
void write_pins(abi::FdtWriter& tree, InterruptTree const& wires) {
    using device::pci::pins;
    constexpr u32 device_shift = 11;
    auto const mask = tree.space("interrupt-map-mask", 16);
    auto const map = tree.space("interrupt-map", usize{pins} * pins * (20 + 4 * wires.cells()));
    if (!tree.ok()) return;
    Cells cells{mask};
    for (u32 const cell : {(pins - 1) << device_shift, u32{0}, u32{0}, u32{7}}) cells.put(cell);
    cells = {map};
    for (u32 device = 0; device < pins; ++device)
        for (u32 pin = 0; pin < pins; ++pin) {
            for (u32 const cell : {device << device_shift, u32{0}, u32{0}, pin + 1, controller_phandle,
                                   first_pci_source + (device + pin) % pins})
                cells.put(cell);
            if (wires.cells() > 1) cells.put(wires.level_high);
        }
}

}  // namespace

void write_pci(abi::FdtWriter& tree, PciHost const& host, InterruptTree const& wires) {
    tree.begin_node("pci", pci_space_region.start.raw());
    tree.text("compatible", "pci-host-ecam-generic");
    tree.text("device_type", "pci");
    tree.cell("#address-cells", 3);
    tree.cell("#size-cells", 2);
    tree.cell("#interrupt-cells", 1);
    tree.wides("reg", {pci_space_region.start.raw(), pci_space_region.size});
    tree.cells("bus-range", {0, 0});
    tree.cell("linux,pci-domain", 0);
    tree.flag("dma-coherent");
    // What is mapped for good stays where it is.
    if (host.has_lent()) tree.cell("linux,pci-probe-only", 1);
    constexpr usize window_bytes = 28;
    auto const ranges = tree.space("ranges", window_bytes * (host.has_high_window() ? 2 : 1));
    if (tree.ok()) {
        Cells cells{ranges};
        cells.put_window(memory_32, pci_window_region);
        if (host.has_high_window()) cells.put_window(memory_64_prefetchable, pci_high_window_region);
    }
    write_pins(tree, wires);
    if (wires.kind == Interrupts::aia) tree.cell("msi-parent", imsic_phandle);
    tree.end_node();
}

}  // namespace antler::vm
