// The remote fences: what one hart of a VM makes the others forget.
#pragma once

#include "sbi/call.hpp"

namespace antler::sbi::rfence {

[[nodiscard]] Next handle(vm::Vcpu& vcpu, Call const& call);

}  // namespace antler::sbi::rfence
