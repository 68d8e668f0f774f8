// The extension for interrupts between the harts of a VM.
#pragma once

#include "sbi/call.hpp"

namespace antler::sbi::ipi {

[[nodiscard]] Next handle(vm::Vcpu& vcpu, Call const& call);

}  // namespace antler::sbi::ipi
