// The four wires that the pins of a bridge's functions share.
#pragma once

#include <array>
#include <utility>

#include "base/seams.hpp"
#include "base/types.hpp"

namespace antler::device::pci {

inline constexpr u32 pins = 4;

// Device d raises wire (d + pin) % 4, pins counted from 0, as on QEMU's virt board; a wire is high as long as
// anybody asks.
template <IrqLine Line>
class InterruptPins {
public:
    explicit InterruptPins(std::array<Line, pins> const& lines) : lines_{lines} {}

    struct Pin {
        InterruptPins* wires{};
        u32 device{};
        void set(bool level) { wires->set(device, level); }
    };
    // INTA of that device.
    [[nodiscard]] Pin pin(u32 device) { return {this, device}; }

    void set(u32 device, bool level) {
        auto& asking = asking_[device % pins];
        auto const before = asking;
        auto const bit = u32{1} << device;
        asking = level ? asking | bit : asking & ~bit;
        if ((before != 0) != (asking != 0)) lines_[device % pins].set(asking != 0);
    }

    // As after power-on: the wires are low, and whoever they lead to has not to be told.
    void reset() { asking_ = {}; }

private:
    std::array<Line, pins> lines_;
    std::array<u32, pins> asking_{};
};

}  // namespace antler::device::pci
