// Tells in words what a guest did that it could not survive.
#pragma once

#include <string_view>

#include "isa/cause.hpp"
#include "vm/vcpu.hpp"

namespace antler::vm {

void explain(Vcpu& vcpu, std::string_view what, isa::Exception cause, u64 tval);
void explain_unexpected(Vcpu& vcpu, u64 scause);

}  // namespace antler::vm
