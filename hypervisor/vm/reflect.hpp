// Gives a guest its own exception.
#pragma once

#include "base/seams.hpp"
#include "isa/cause.hpp"
#include "vm/vcpu.hpp"

namespace antler::vm {

// Places it in the VS registers, which are in this hart, and moves pc to the guest's handler.
[[nodiscard]] Next reflect(Vcpu& vcpu, isa::Exception cause, u64 tval);

}  // namespace antler::vm
