// A guest's accesses to an interrupt file that lives in software, and to priorities that it has not.
#pragma once

#include <optional>

#include "base/seams.hpp"
#include "isa/instruction_system.hpp"
#include "vm/vcpu.hpp"

namespace antler::vm {

// Of a vCPU that is loaded, in VS-mode.  None: it is an illegal instruction.
[[nodiscard]] std::optional<Next> access_file(Vcpu& vcpu, isa::CsrInstruction const& instruction);

}  // namespace antler::vm
