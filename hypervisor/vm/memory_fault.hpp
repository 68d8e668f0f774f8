// An access that stage 2 did not let through: a device, memory that comes on demand, or nothing at all.
#pragma once

#include "base/seams.hpp"
#include "isa/exit.hpp"
#include "vm/vcpu.hpp"

namespace antler::vm {

// The commonest of the dear exits, a plain load or store of a device's register of which the hart has told all:
// done and stepped over, or false with nothing changed.
[[nodiscard]] bool quick_device_access(Vcpu& vcpu, isa::TrapCsrs const& trap);

[[nodiscard]] Next memory_fault(Vcpu& vcpu, isa::GuestPageFault const& fault);

}  // namespace antler::vm
