// Which hart a vCPU begins on, and harts that serve one vCPU only.
#pragma once

#include "base/result.hpp"
#include "boot/system.hpp"

namespace antler::boot {

// Harts that the pack's machines name to have them for themselves, as bits.
[[nodiscard]] u64 harts_to_dedicate(System& all, control::Pack const& pack);

// The index of the hart.  A dedicated vCPU takes one for itself, or is refused where none is left.
[[nodiscard]] Result<u32> find_home(System& all, vm::Vm const& vm, u32 vcpu);

// The VM goes, and its harts serve everybody again.
void leave_homes(System& all, vm::Vm& vm);

}  // namespace antler::boot
