// The hart state extension: start, stop, status and suspend of virtual harts.
#pragma once

#include "sbi/call.hpp"

namespace antler::sbi::hart_state {

[[nodiscard]] Next handle(vm::Vcpu& vcpu, Call const& call);
// The same for a vCPU that called just now.
[[nodiscard]] Next handle_own(vm::Vcpu& vcpu);

}  // namespace antler::sbi::hart_state
