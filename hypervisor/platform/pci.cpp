// Base address registers of PCI functions.
#include "platform/pci.hpp"

#include "platform/mmio.hpp"

namespace antler::platform {
namespace {

constexpr u32 command = 0x04;
constexpr u32 command_ports = 1u << 0;
constexpr u32 command_memory = 1u << 1;
constexpr u32 command_master = 1u << 2;
constexpr u32 command_no_interrupt = 1u << 10;
constexpr u32 first_bar = 0x10;
constexpr u32 bar_count = 6;
constexpr u32 bar_is_port = 1u << 0;
constexpr u32 bar_is_64_bit = 1u << 2;
constexpr u32 bar_flags = 0xf;
constexpr u32 port_flags = 0x3;

struct Bar {
    u32 low = 0;
    u64 address = 0;
    u64 bytes = 0;  // zero: nothing is decoded
    [[nodiscard]] bool is_port() const { return (low & bar_is_port) != 0; }
    [[nodiscard]] bool is_wide() const { return !is_port() && (low & bar_is_64_bit) != 0; }
    [[nodiscard]] u32 flags() const { return is_port() ? port_flags : bar_flags; }
};

void set_bar(PciFunction const& function, u32 index, bool wide, u64 address) {
    function.write(first_bar + 4 * index, static_cast<u32>(address));
    if (wide) function.write(first_bar + 4 * index + 4, static_cast<u32>(address >> 32));
}

// The function decodes nothing meanwhile.
[[nodiscard]] std::optional<Bar> measure(PciFunction const& function, u32 index) {
    Bar bar;
    bar.low = function.read(first_bar + 4 * index);
    if (bar.is_wide() && index + 1 == bar_count) return std::nullopt;
    bar.address = bar.low & ~bar.flags();
    if (bar.is_wide()) bar.address |= u64{function.read(first_bar + 4 * index + 4)} << 32;
    auto const before = function.read(command);
    function.write(command, before & ~(command_ports | command_memory | command_master));
    set_bar(function, index, bar.is_wide(), ~u64{0});
    u64 decoded = function.read(first_bar + 4 * index) & ~bar.flags();
    // A device may decode no more than 64 KiB of ports.
    if (bar.is_port() && decoded != 0) decoded |= 0xffff'0000;
    if (bar.is_wide())
        decoded |= u64{function.read(first_bar + 4 * index + 4)} << 32;
    else if (decoded != 0)
        decoded |= u64{0xffff'ffff} << 32;
    bar.bytes = ~decoded + 1;
    set_bar(function, index, bar.is_wide(), bar.address);
    function.write(command, before);
    return bar;
}

}  // namespace

u32 PciFunction::read(u32 offset) const {
    return mmio_read<u32>(base_ + (offset & 0xffcu));
}
void PciFunction::write(u32 offset, u32 value) const {
    mmio_write<u32>(base_ + (offset & 0xffcu), value);
}

void PciFunction::send_messages() const {
    constexpr u32 capabilities = 0x34;
    constexpr u8 msix = 0x11;
    constexpr u32 msix_enable = 1u << 31;
    constexpr u32 msix_all_masked = 1u << 30;
    u32 at = read8(capabilities) & 0xfcu;
    for (int left = 48; at != 0 && left > 0; --left, at = read8(at + 1) & 0xfcu)
        if (read8(at) == msix) return write(at, (read(at) | msix_enable) & ~msix_all_masked);
}

Result<void> PciBridge::open(memory::House& house) const {
    constexpr u64 bytes_of_a_bus = u64{1} << 20;
    auto const& all = board_.configuration;
    return house.map_device({all.start, all.size < bytes_of_a_bus ? all.size : bytes_of_a_bus});
}

std::optional<u64> PciBridge::allocate(std::optional<BoardPciWindow> const& window, u64& given, u64 bytes) {
    if (!window || bytes > window->seen.size) return std::nullopt;
    // Address zero of the bus is no address.
    auto const from = window->bus_address + given;
    auto const at = from == 0 ? bytes : (from + bytes - 1) & ~(bytes - 1);
    auto const end = at + bytes - window->bus_address;
    if (end > window->seen.size) return std::nullopt;
    given = end;
    return at;
}

void PciBridge::enable(PciFunction const& function) {
    for (u32 index = 0; index < bar_count; ++index) {
        auto const bar = measure(function, index);
        if (!bar) continue;
        if (bar->bytes != 0 && bar->address == 0) {
            auto const bytes = bar->bytes < page_bytes ? page_bytes : bar->bytes;
            auto const at = bar->is_port() ? allocate(board_.ports, given_.ports, bytes)
                                           : allocate(board_.memory, given_.memory, bytes);
            if (at) set_bar(function, index, bar->is_wide(), *at);
        }
        if (bar->is_wide()) ++index;
    }
    auto const before = function.read(command) & 0xffff;  // the upper half clears what is written as one
    function.write(command,
                   (before | command_ports | command_memory | command_master) & ~command_no_interrupt);
}

std::optional<HpaRange> PciBridge::bar(PciFunction const& function, u32 index) const {
    if (index >= bar_count) return std::nullopt;
    auto const bar = measure(function, index);
    if (!bar || bar->bytes == 0 || bar->address == 0) return std::nullopt;
    auto const& window = bar->is_port() ? board_.ports : board_.memory;
    if (!window) return std::nullopt;
    auto const offset = bar->address - window->bus_address;
    auto const& seen = window->seen;
    if (offset > seen.size || bar->bytes > seen.size - offset) return std::nullopt;
    return HpaRange{seen.start + offset, bar->bytes};
}

u16 PciBridge::group_of(PciFunction const& function) const {
    PciFunction const first{place(function.device(), 0), function.device(), 0};
    bool const has_more = (first.read8(0x0e) & 0x80) != 0;
    return has_more ? first.requester() : function.requester();
}

std::optional<BoardInterrupt> PciBridge::interrupt(PciFunction const& function) const {
    auto const wire = board_.wire(function.device(), function.function(), function.pin());
    if (!wire) return std::nullopt;
    return BoardInterrupt{wire->controller, wire->source, wire->flags};
}

}  // namespace antler::platform
