// The system reset extension: a guest ends its machine, or begins it again.
#pragma once

#include "sbi/call.hpp"

namespace antler::sbi::system_reset {

[[nodiscard]] Next handle(vm::Vcpu& vcpu, Call const& call);

}  // namespace antler::sbi::system_reset
