// What a VM's virtio console says and hears.
#include "vm/console_device.hpp"

#include "vm/vm.hpp"

namespace antler::vm {

// Console 0 is the serial port.
void ConsolePorts::write(u32 port, std::string_view text) const {
    console_write(*vm, text, port + 1);
}

usize ConsolePorts::read(u32 port, std::span<u8> into) const {
    return console_read(*vm, port + 1, into);
}

std::string_view ConsolePorts::name(u32 port) const {
    constexpr std::array<std::string_view, 3> names{"org.antler.console.0", "org.antler.console.1",
                                                    "org.antler.console.2"};
    return port < names.size() ? names[port] : "";
}

device::virtio::ConsoleSize ConsolePorts::size(u32 port) const {
    return console_size(*vm, port + 1);
}

void ConsolePorts::call_again() const {
    vm->machine().ask_for_work();
}

ConsoleDevice::ConsoleDevice(Vm& vm, SlotWire const& wire, device::virtio::ConsoleOptions const& options)
    : wire_{&vm}, model_{vm.ram(), wire_, options}, registers_{wire, model_} {}

}  // namespace antler::vm
