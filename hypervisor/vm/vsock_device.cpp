// What a VM's socket device asks of its machine.
#include "vm/vsock_device.hpp"

#include "vm/vm.hpp"

namespace antler::vm {

void VsockWire::call_again() const {
    vm->machine().ask_for_work();
}

void VsockWire::tell_host() const {
    streams_have_news();
}

VsockDevice::VsockDevice(Vm& vm, SlotWire const& wire, device::virtio::VsockOptions const& options,
                         std::span<u8> buffers)
    : wire_{&vm}, model_{vm.ram(), wire_, options, buffers}, registers_{wire, model_} {}

}  // namespace antler::vm
