// The search for a serial port behind PCI.
#include "platform/serial_pci.hpp"

namespace antler::platform {
namespace {

constexpr u32 interface = 0x09;  // one byte, and above it the class
constexpr u16 serial_class = 0x0700;
constexpr u8 first_with_fifo = 2;  // 16550, 16650, 16750, 16850, 16950: each can be all that came before
constexpr u8 last_with_fifo = 6;
constexpr u64 register_bytes = 8;

[[nodiscard]] bool is_serial(PciFunction const& function) {
    auto const kind = function.read8(interface);
    return function.read16(0x0a) == serial_class && kind >= first_with_fifo && kind <= last_with_fifo;
}

}  // namespace

std::optional<BoardUart> find_serial_pci(PciBridge& bridge, memory::House& house) {
    std::optional<BoardUart> found;
    bridge.for_each([&](PciFunction const& function) {
        if (found || !is_serial(function)) return;
        bridge.enable(function);
        auto const bar = bridge.bar(function, 0);
        if (!bar || bar->size < register_bytes || !house.map_device(*bar)) return;
        found = BoardUart{.registers = *bar, .interrupt = bridge.interrupt(function)};
    });
    return found;
}

}  // namespace antler::platform
