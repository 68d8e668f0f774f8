// Wires of the board that end in a guest's interrupt controller.
#pragma once

#include "base/types.hpp"

namespace antler::device {

// The board tells when one rises, and then no more of it until the guest's controller asks: when the guest
// has served it.
class OutsideWires {
public:
    // Is it still high?  If not, the controller hears when it is again.
    [[nodiscard]] virtual bool look(u32 source) = 0;

protected:
    ~OutsideWires() = default;
};

}  // namespace antler::device
