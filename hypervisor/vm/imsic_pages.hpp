// The pages of a guest's IMSICs as a device: stores that find no page behind them, because the file lives in
// software.
#pragma once

#include "device/device.hpp"
#include "vm/guest_file.hpp"

namespace antler::vm {

class Vm;

class ImsicPages final : public device::Device {
public:
    explicit ImsicPages(Vm& vm) : vm_{&vm} {}
    [[nodiscard]] std::string_view name() const override { return "imsic"; }
    // A page reads as zeros.  What no register answers is ignored.                             [aia IMSIC 5]
    [[nodiscard]] Result<u64> read(device::Offset, device::Width width) override {
        if (width != device::Width::word) return Err{Error::not_supported};
        return u64{0};
    }
    [[nodiscard]] Result<void> write(device::Offset offset, device::Width width, u64 value) override;

private:
    Vm* vm_;
};

}  // namespace antler::vm
