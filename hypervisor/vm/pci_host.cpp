// A VM's PCI host bridge.
#include "vm/pci_host.hpp"

#include "vm/vm.hpp"

namespace antler::vm {

void MessageWire::operator()(Gpa at, u32 data) const {
    vm->deliver_message(at, data);
}

Result<void> PciHost::attach(device::Bus& bus, GpaRange memory) {
    TRY(bus.attach(pci_space_region, space_));
    TRY(bus.attach(pci_window_region, window_));
    has_high_window_ = !memory.overlaps(pci_high_window_region);
    if (has_high_window_) TRY(bus.attach(pci_high_window_region, high_window_));
    return {};
}

Result<u32> PciHost::next_device() {
    if (next_ == device::pci::devices_of_a_bus) return Err{Error::full};
    return next_++;
}

std::optional<Gpa> PciHost::place_bar(u64 bytes) {
    constexpr u64 most = pci_window_region.size / 2;  // the rest is for what the guest places
    if (bytes > most) return std::nullopt;
    auto const at = (bars_end_ - bytes) & ~(bytes - 1);
    if (at < pci_window_region.end().raw() - most) return std::nullopt;
    bars_end_ = at;
    return Gpa{at};
}

void PciHost::reset() {
    pins_.reset();
    for (u32 i = 0; i < lent_count_; ++i) lent_[i]->power_on();
}

}  // namespace antler::vm
