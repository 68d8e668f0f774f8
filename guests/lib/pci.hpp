// Functions behind the PCI host bridge of the device tree, one bus of them.
#pragma once

#include <optional>

#include "guests/lib/device_tree.hpp"
#include "guests/lib/guest.hpp"

namespace antler::guests {

class PciFunction {
public:
    // The first one that is_it(function) takes.
    template <class IsIt>
    [[nodiscard]] static std::optional<PciFunction> find(IsIt&& is_it) {
        auto const tree = device_tree();
        auto const bridge = bridge_of(tree);
        auto const registers = bridge ? bridge->reg() : std::nullopt;
        constexpr u64 devices = 32;
        for (u64 device = 0; registers && device < devices; ++device) {
            PciFunction const found{registers->address + (device << 15), static_cast<u32>(device)};
            if (found.read(0) != ~u32{0} && is_it(found)) return found;
        }
        return std::nullopt;
    }

    [[nodiscard]] u32 read(u32 offset) const { return load<u32>(configuration_ + offset); }
    void write(u32 offset, u32 value) const { store<u32>(configuration_ + offset, value); }
    [[nodiscard]] u32 identity() const { return read(0); }
    [[nodiscard]] u32 class_code() const { return read(8) >> 8; }
    [[nodiscard]] u8 pin() const { return static_cast<u8>(read(0x3c) >> 8); }
    // It decodes its registers and reaches memory.
    void enable() const {
        constexpr u32 memory_and_master = 6;
        write(4, memory_and_master);
    }
    [[nodiscard]] u64 bar(u32 index) const {
        constexpr u32 is_wide = 4, flags = 15;
        auto const low = read(0x10 + 4 * index);
        auto const high = (low & is_wide) != 0 ? u64{read(0x14 + 4 * index)} << 32 : 0;
        return (low & ~flags) | high;
    }
    [[nodiscard]] std::optional<u32> capability(u8 id) const {
        for (u32 at = read(0x34) & 0xfc; at != 0; at = read(at) >> 8 & 0xfc)
            if ((read(at) & 0xff) == id) return at;
        return std::nullopt;
    }
    // What its pin raises at the guest's interrupt controller.
    [[nodiscard]] std::optional<u32> source() const {
        auto const tree = device_tree();
        auto const bridge = bridge_of(tree);
        auto const map = bridge ? bridge->property("interrupt-map") : std::nullopt;
        auto const mask = bridge ? bridge->property("interrupt-map-mask") : std::nullopt;
        if (!map || !mask) return std::nullopt;
        bool const plic =
            tree.find_if([](abi::FdtNode const& n) { return n.compatible("riscv,plic0"); }).has_value();
        u32 const cells = plic ? 6 : 7;  // an address, a pin, a controller, a source, and how it is raised
        auto const device = device_ << 11 & mask->cell(0).value_or(0);
        for (u32 at = 0; at + cells <= map->cells(); at += cells)
            if (map->cell(at) == device && map->cell(at + 3) == u32{pin()}) return map->cell(at + 5);
        return std::nullopt;
    }

private:
    PciFunction(u64 configuration, u32 device) : configuration_{configuration}, device_{device} {}
    [[nodiscard]] static std::optional<abi::FdtNode> bridge_of(abi::FdtReader const& tree) {
        return tree.find_if([](abi::FdtNode const& n) { return n.compatible("pci-host-ecam-generic"); });
    }

    u64 configuration_;
    u32 device_;
};

// Messages of its own.
class PciMessages {
public:
    explicit PciMessages(PciFunction const& function) : function_{function} {
        constexpr u8 msix = 0x11;
        auto const found = function.capability(msix);
        if (!found) give_up("the function sends no messages");
        capability_ = *found;
        auto const place = function.read(capability_ + 4);
        table_ = function.bar(place & 7) + (place & ~7u);
    }
    void set(u32 vector, u64 address, u32 data) const {
        auto const entry = table_ + u64{vector} * 16;
        store<u32>(entry, static_cast<u32>(address));
        store<u32>(entry + 4, static_cast<u32>(address >> 32));
        store<u32>(entry + 8, data);
        store<u32>(entry + 12, 0);
    }
    void enable() const {
        constexpr u32 enabled = u32{1} << 31;
        function_.write(capability_, function_.read(capability_) | enabled);
    }

private:
    PciFunction function_;
    u32 capability_ = 0;
    u64 table_ = 0;
};

}  // namespace antler::guests
