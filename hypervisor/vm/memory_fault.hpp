// An access that stage 2 did not let through: a device, memory that comes on demand, or nothing at all.
#pragma once

#include "base/seams.hpp"
#include "isa/exit.hpp"
#include "vm/vcpu.hpp"

namespace antler::vm {

[[nodiscard]] Next memory_fault(Vcpu& vcpu, isa::GuestPageFault const& fault);

}  // namespace antler::vm
