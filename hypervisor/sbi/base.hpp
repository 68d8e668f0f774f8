// The base extension: who we are, and what else can be called.
#pragma once

#include "sbi/call.hpp"

namespace antler::sbi::base {

[[nodiscard]] Next handle(vm::Vcpu& vcpu, Call const& call);

}  // namespace antler::sbi::base
