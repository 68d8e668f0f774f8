// What a guest's device tree says of devices that are the board's.
#include "vm/device_tree_lent.hpp"

#include <algorithm>

namespace antler::vm {
namespace {

using abi::FdtProperty;

// Said anew here, or of other nodes of the board's tree.
constexpr std::array<std::string_view, 22> not_passed_on{"reg",
                                                         "interrupts",
                                                         "interrupts-extended",
                                                         "interrupt-parent",
                                                         "phandle",
                                                         "linux,phandle",
                                                         "status",
                                                         "ranges",
                                                         "clocks",
                                                         "clock-names",
                                                         "assigned-clocks",
                                                         "assigned-clock-parents",
                                                         "assigned-clock-rates",
                                                         "resets",
                                                         "reset-names",
                                                         "dmas",
                                                         "dma-names",
                                                         "power-domains",
                                                         "gpio-ranges",
                                                         "pinctrl-names",
                                                         "interconnects",
                                                         "iommus"};

[[nodiscard]] bool is_passed_on(std::string_view name) {
    return std::ranges::find(not_passed_on, name) == not_passed_on.end() && !name.starts_with("pinctrl-") &&
           !name.ends_with("-supply") && !name.ends_with("-gpios") && !name.ends_with("-gpio");
}

void write_wires(abi::FdtWriter& tree, LentDevice const& device, InterruptTree const& wires) {
    if (device.wire_count == 0) return;
    constexpr u32 rising = 1;
    auto const cells = wires.cells();
    auto const room = tree.space("interrupts", device.wire_count * cells * 4);
    if (!tree.ok()) return;
    for (usize i = 0; i < device.wire_count; ++i) {
        auto const& wire = device.wires[i];
        abi::store_be32(room.data() + i * cells * 4, wire.source);
        if (cells > 1)
            abi::store_be32(room.data() + i * cells * 4 + 4,
                            wire.is_level ? InterruptTree::level_high : rising);
    }
    tree.cell("interrupt-parent", controller_phandle);
}

void write_one(abi::FdtWriter& tree, LentDevice const& device, InterruptTree const& wires) {
    tree.begin_node(device.node.base_name(), device.registers[0].start.raw());
    auto const room = tree.space("reg", device.register_count * 16);
    if (tree.ok())
        for (usize i = 0; i < device.register_count; ++i) {
            auto const& range = device.registers[i];
            abi::store_be64(room.data() + i * 16, range.start.raw());
            abi::store_be64(room.data() + i * 16 + 8, range.size);
        }
    device.node.for_each_property([&](FdtProperty const& property) {
        if (is_passed_on(property.name)) tree.bytes(property.name, property.bytes);
    });
    if (device.clock != 0 && !device.node.has("clock-frequency")) tree.cell("clock-frequency", device.clock);
    write_wires(tree, device, wires);
    tree.end_node();
}

}  // namespace

void write_lent(abi::FdtWriter& tree, std::span<LentDevice const> devices, InterruptTree const& wires) {
    for (auto const& device : devices) write_one(tree, device, wires);
}

usize lent_room(std::span<LentDevice const> devices) {
    constexpr usize each = 320;     // the name, registers and wires
    constexpr usize property = 20;  // beside its name and bytes
    usize room = 0;
    for (auto const& device : devices) {
        room += each + device.node.name().size();
        device.node.for_each_property(
            [&](FdtProperty const& said) { room += property + said.name.size() + said.bytes.size(); });
    }
    return room;
}

}  // namespace antler::vm
