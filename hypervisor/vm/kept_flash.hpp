// The flash memory of a VM that a disk keeps: what the guest writes is noted.
#pragma once

#include "device/cfi_flash.hpp"
#include "vm/flash_keeper.hpp"

namespace antler::vm {

class Vm;

class KeptFlash final : public device::Device, public FlashOwner {
public:
    KeptFlash(Vm& vm, backend::Disk& disk, FlashKeeper::Memory const& memory)
        : vm_{vm}, keeper_{disk, *this, memory} {}

    // The chip stays where it is; the machine owns it.
    void put_before(device::CfiFlash& chip) { chip_ = &chip; }
    [[nodiscard]] FlashKeeper& keeper() { return keeper_; }
    [[nodiscard]] device::FlashArray& cells() { return chip_->cells(); }

    [[nodiscard]] std::string_view name() const override { return "flash"; }
    [[nodiscard]] Result<u64> read(device::Offset offset, device::Width width) override {
        return chip_->read(offset, width);
    }
    [[nodiscard]] Result<void> write(device::Offset offset, device::Width width, u64 value) override {
        auto const answer = chip_->write(offset, width, value);
        keeper_.note(chip_->cells());
        return answer;
    }

    void transfer_begins() override;
    void transfer_ended() override;
    void ask_for_work() override;

private:
    Vm& vm_;
    device::CfiFlash* chip_ = nullptr;
    FlashKeeper keeper_;
};

}  // namespace antler::vm
