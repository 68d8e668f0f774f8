// Where a guest wants to read how long a vCPU of its had to wait for its hart.   [sbi ext-steal-time]
#pragma once

#include "base/address.hpp"
#include "base/types.hpp"

namespace antler::vm {

class Vcpu;

// The guest may write to the structure, so nothing is read back from there.
struct StealTime {
    static constexpr u64 bytes = 64;

    Gpa at{};          // aligned to its size, in RAM
    u64 before = 0;    // ticks that were stolen before the guest asked
    u32 sequence = 0;  // odd while `steal` changes
};

// Zeroes the structure and begins to keep it; false: it cannot be written, and nothing is kept.
[[nodiscard]] bool begin_steal_time(Vcpu& vcpu, Gpa at);

// Where Vcpu::tells_stolen, on the home hart while it sees the guest's memory: the vCPU runs again; or leaves
// the hart, perhaps though it could run.
void tell_stolen(Vcpu& vcpu);
void tell_preempted(Vcpu& vcpu);

}  // namespace antler::vm
