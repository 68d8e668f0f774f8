// The debug console: bytes to and from guest memory, a bounded number a call.
#pragma once

#include "sbi/call.hpp"

namespace antler::sbi::debug_console {

[[nodiscard]] Next handle(vm::Vcpu& vcpu, Call const& call);

}  // namespace antler::sbi::debug_console
