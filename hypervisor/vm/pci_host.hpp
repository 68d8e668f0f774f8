// A VM's PCI host bridge: where it lies in the map of QEMU's virt board, what is behind it, whom it
// interrupts.
#pragma once

#include "device/pci/host_bridge.hpp"
#include "device/pci/interrupt_pins.hpp"
#include "vm/machine.hpp"
#include "vm/pci_passthrough.hpp"

namespace antler::vm {

inline constexpr GpaRange pci_space_region{Gpa{0x3000'0000}, device::pci::HostBridge::bytes_of_a_bus};
inline constexpr GpaRange pci_window_region{Gpa{0x4000'0000}, 0x4000'0000};
inline constexpr GpaRange pci_high_window_region{Gpa{0x4'0000'0000}, 0x8000'0000};
inline constexpr u32 first_pci_source = 32;  // of the four that pins raise

// Where a function's messages go: to whom the address belongs.
struct MessageWire {
    Vm* vm;
    void operator()(Gpa at, u32 data) const;
};

// Only the holder of the VM's device lock calls it, once the guest runs.
class PciHost {
public:
    using Pins = device::pci::InterruptPins<DeviceLine>;

    PciHost(Vm& vm, std::array<DeviceLine, device::pci::pins> const& lines) : vm_{vm}, pins_{lines} {}

    // The windows that do not lie in the VM's memory.
    [[nodiscard]] Result<void> attach(device::Bus& bus, GpaRange memory);
    [[nodiscard]] bool has_high_window() const { return has_high_window_; }

    // A place for one more device.
    [[nodiscard]] Result<u32> next_device();
    void put(u32 device, device::pci::Function& function) { bridge_.put(device, function); }
    // Room for a BAR that is there from the start, from the end of the window; none: it is full.
    [[nodiscard]] std::optional<Gpa> place_bar(u64 bytes);
    // What the board lends it: as after power-on whenever the VM is.
    void lend(PciPassthrough& function) { lent_[lent_count_++] = &function; }
    [[nodiscard]] bool has_lent() const { return lent_count_ != 0; }
    // What a lent function's pin raises: a source of its own, where its wire ends.
    void lead_pin(u32 device, u32 source) {
        pin_sources_[device] = source;
        has_lent_pins_ = true;
    }
    [[nodiscard]] bool has_lent_pins() const { return has_lent_pins_; }
    // What INTA of a device raises, however it does.
    [[nodiscard]] u32 source_of(u32 device) const {
        return pin_sources_[device] != 0 ? pin_sources_[device]
                                         : first_pci_source + device % device::pci::pins;
    }
    // They are numbered from 1 on.
    [[nodiscard]] u32 devices() const { return next_ - 1; }
    [[nodiscard]] bool can_lend() const { return lent_count_ < lent_.size(); }
    [[nodiscard]] Pins::Pin pin(u32 device) { return pins_.pin(device); }
    [[nodiscard]] MessageWire messages() const { return {&vm_}; }

    void reset();

private:
    Vm& vm_;
    Pins pins_;
    device::pci::HostBridge bridge_{};
    device::pci::HostBridge::Space space_{bridge_};
    device::pci::HostBridge::Window window_{bridge_, pci_window_region.start};
    device::pci::HostBridge::Window high_window_{bridge_, pci_high_window_region.start};
    std::array<PciPassthrough*, max_devices> lent_{};
    u32 lent_count_ = 0;
    std::array<u32, device::pci::devices_of_a_bus> pin_sources_{};
    bool has_lent_pins_ = false;
    u64 bars_end_ = pci_window_region.end().raw();
    u32 next_ = 1;  // device 0 is where other boards have the bridge itself
    bool has_high_window_ = false;
};

}  // namespace antler::vm
