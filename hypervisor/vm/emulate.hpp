// Instructions that a guest may not execute itself: the ones its VM's policies trap, and everything else.
#pragma once

#include "base/seams.hpp"
#include "isa/exit.hpp"
#include "vm/vcpu.hpp"

namespace antler::vm {

// The instruction at the guest's pc; none: it cannot be fetched any more, and the guest tries again.
[[nodiscard]] std::optional<u32> fetch_instruction(Vcpu const& vcpu);

[[nodiscard]] Next emulate(Vcpu& vcpu, isa::VirtualInstruction exit);

}  // namespace antler::vm
