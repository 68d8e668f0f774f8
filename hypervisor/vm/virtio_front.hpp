// What the driver of a VM's virtio device sees: registers on mmio, or a function behind the PCI bridge.
#pragma once

#include <new>
#include <optional>

#include "device/virtio/mmio.hpp"
#include "device/virtio/pci.hpp"
#include "vm/pci_host.hpp"

namespace antler::vm {

using VirtioFunction = device::virtio::Pci<PciHost::Pins::Pin, MessageWire>;

// Where a device will be, and whom it interrupts.
struct SlotWire {
    DeviceLine line{};               // on mmio
    PciHost* host = nullptr;         // or else behind this,
    u32 device = 0;                  // with this number,
    std::span<u8> function_place{};  // and its function lies here
};

class VirtioFront {
public:
    VirtioFront(SlotWire const& wire, device::virtio::Model& model) {
        if (wire.host == nullptr) {
            mmio_.emplace(wire.line, model);
        } else {
            function_ = new (wire.function_place.data())
                VirtioFunction(wire.host->pin(wire.device), wire.host->messages(), model);
            wire.host->put(wire.device, *function_);
        }
    }
    VirtioFront(VirtioFront const&) = delete;
    VirtioFront& operator=(VirtioFront const&) = delete;

    void power_on() {
        if (mmio_) return mmio_->power_on();
        function_->power_on();
    }
    // None behind the bridge, which finds it by itself.
    [[nodiscard]] device::Device* on_bus() { return mmio_ ? &*mmio_ : nullptr; }

private:
    std::optional<device::virtio::Mmio<DeviceLine>> mmio_{};
    VirtioFunction* function_ = nullptr;
};

}  // namespace antler::vm
