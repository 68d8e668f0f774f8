// A function of the board's PCI on loan.
#pragma once

#include <array>
#include <utility>

#include "platform/iommus.hpp"
#include "platform/pci.hpp"
#include "vm/pci_passthrough.hpp"
#include "vm/vm.hpp"

namespace antler::boot {

struct System;

class LentFunction final : public vm::BoardFunction {
public:
    LentFunction(System& all, vm::Vm& machine, platform::PciFunction const& function,
                 platform::DeviceId behind);

    [[nodiscard]] platform::PciFunction const& function() const { return function_; }
    [[nodiscard]] vm::PciPassthrough& shown() { return shown_; }
    // Nothing of what it was told outlives a reset.
    [[nodiscard]] bool forgets() const { return how_ != How::not_at_all; }

    // From now on it reaches the VM's memory.
    [[nodiscard]] Result<void> attach();
    // It reaches nothing, and interrupts nobody.
    void leave();

    [[nodiscard]] u32 read(u32 offset) override { return function_.read(offset); }
    void write(u32 offset, u32 value) override { function_.write(offset, value); }
    [[nodiscard]] u64 load(Hpa at, device::Width width) override;
    void store(Hpa at, device::Width width, u64 value) override;
    [[nodiscard]] Bar bar(u32 index) override { return bars_[index]; }
    void reset() override;

private:
    enum class How : u8 { not_at_all, by_function, by_power };
    void find_bars(platform::PciBridge& bridge);
    void find_reset();
    void reset_by_function() const;
    void reset_by_power() const;
    void put_bars_back() const;

    System& all_;
    vm::Vm& machine_;
    platform::PciFunction function_;
    platform::DeviceId behind_;
    bool attached_ = false;
    How how_ = How::not_at_all;
    u32 capability_ = 0;  // by which it is reset
    std::array<Bar, device::pci::bar_count> bars_{};
    std::array<u32, device::pci::bar_count> raw_{};  // as the bridge has put them
    vm::PciPassthrough shown_{*this};
};

}  // namespace antler::boot
