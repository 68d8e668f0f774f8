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

// A line of the map: a device, its pin, and the wire that this raises.
constexpr u32 device_shift = 11;
void put_line(Cells& cells, InterruptTree const& wires, u32 device, u32 pin, u32 source) {
    for (u32 const cell : {device << device_shift, u32{0}, u32{0}, pin, controller_phandle, source})
        cells.put(cell);
    if (wires.cells() > 1) cells.put(wires.level_high);
}
usize bytes_of_lines(InterruptTree const& wires, usize count) {
    return count * (20 + 4 * wires.cells());
}

// Which bits of a device's number the map looks at.
void write_mask(abi::FdtWriter& tree, u32 devices) {
    auto const mask = tree.space("interrupt-map-mask", 16);
    if (!tree.ok()) return;
    Cells cells{mask};
    for (u32 const cell : {(devices - 1) << device_shift, u32{0}, u32{0}, u32{7}}) cells.put(cell);
}

// Four wires that all devices share.
void write_shared_pins(abi::FdtWriter& tree, InterruptTree const& wires) {
    using device::pci::pins;
    write_mask(tree, pins);
    auto const map = tree.space("interrupt-map", bytes_of_lines(wires, usize{pins} * pins));
    if (!tree.ok()) return;
    Cells cells{map};
    for (u32 device = 0; device < pins; ++device)
        for (u32 pin = 0; pin < pins; ++pin)
            put_line(cells, wires, device, pin + 1, first_pci_source + (device + pin) % pins);
}

// Those of the board's that have a wire of their own, and each of the others; all have INTA only.
void write_own_pins(abi::FdtWriter& tree, PciHost const& host, InterruptTree const& wires) {
    write_mask(tree, device::pci::devices_of_a_bus);
    auto const map = tree.space("interrupt-map", bytes_of_lines(wires, host.devices()));
    if (!tree.ok()) return;
    Cells cells{map};
    for (u32 device = 1; device <= host.devices(); ++device)
        put_line(cells, wires, device, 1, host.source_of(device));
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
    if (host.has_lent_pins())
        write_own_pins(tree, host, wires);
    else
        write_shared_pins(tree, wires);
    if (wires.kind == Interrupts::aia) tree.cell("msi-parent", imsic_phandle);
    tree.end_node();
}

}  // namespace antler::vm
