// A VM's socket device: streams between its guest and whoever speaks for the host.
#pragma once

#include "device/virtio/vsock.hpp"
#include "vm/machine.hpp"
#include "vm/ram.hpp"
#include "vm/virtio_front.hpp"
#include "vm/virtio_slot.hpp"

namespace antler::vm {

struct VsockWire {
    Vm* vm;
    void call_again() const;
    void tell_host() const;
};

class VsockDevice final : public VirtioSlot {
public:
    using Model = device::virtio::Vsock<Ram, VsockWire>;

    VsockDevice(Vm& vm, SlotWire const& wire, device::virtio::VsockOptions const& options,
                std::span<u8> buffers);

    [[nodiscard]] VirtioFront& registers() override { return registers_; }
    [[nodiscard]] device::virtio::Model& model() override { return model_; }
    void reset() override { registers_.power_on(); }
    void counters(device::CounterVisitor& each) const override { model_.counters(each); }
    [[nodiscard]] device::virtio::HostStreams* streams() override { return &model_; }

private:
    VsockWire wire_;
    Model model_;
    VirtioFront registers_;
};

}  // namespace antler::vm
