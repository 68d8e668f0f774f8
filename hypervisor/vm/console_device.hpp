// A VM's virtio console: its ports are the VM's consoles behind the serial port.
#pragma once

#include "device/virtio/console.hpp"
#include "vm/machine.hpp"
#include "vm/ram.hpp"
#include "vm/virtio_front.hpp"
#include "vm/virtio_slot.hpp"

namespace antler::vm {

struct ConsolePorts {
    Vm* vm;
    void write(u32 port, std::string_view text) const;
    [[nodiscard]] usize read(u32 port, std::span<u8> into) const;
    [[nodiscard]] std::string_view name(u32 port) const;
    [[nodiscard]] device::virtio::ConsoleSize size(u32 port) const;
    void call_again() const;
};

class ConsoleDevice final : public VirtioSlot {
public:
    ConsoleDevice(Vm& vm, SlotWire const& wire, device::virtio::ConsoleOptions const& options);

    [[nodiscard]] VirtioFront& registers() override { return registers_; }
    [[nodiscard]] device::virtio::Model& model() override { return model_; }
    void reset() override { registers_.power_on(); }
    void console_resized(u32 port) override { model_.resized(port); }
    void counters(device::CounterVisitor& each) const override { model_.counters(each); }

private:
    ConsolePorts wire_;
    device::virtio::Console<Ram, ConsolePorts> model_;
    VirtioFront registers_;
};

}  // namespace antler::vm
