// The steal-time accounting extension: where a vCPU's waits are to be written.
#pragma once

#include "sbi/call.hpp"

namespace antler::sbi::steal_time {

[[nodiscard]] Next handle(vm::Vcpu& vcpu, Call const& call);

}  // namespace antler::sbi::steal_time
