// The timer extension: when the guest wants its next timer interrupt.
#pragma once

#include "sbi/call.hpp"

namespace antler::sbi::timer {

[[nodiscard]] Next handle(vm::Vcpu& vcpu, Call const& call);

}  // namespace antler::sbi::timer
