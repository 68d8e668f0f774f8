// A fence that one virtual hart asks of another, and what this hart must do for it.
#pragma once

#include "base/address.hpp"
#include "base/types.hpp"

namespace antler::vm {

struct GuestFence {
    enum class Kind : u8 {
        instructions,    // fence.i
        all,             // every VS-stage translation of the VM
        range,           // those of a range, in all address spaces
        address_space,   // those of an ASID
        range_of_space,  // those of a range of an ASID
    };
    Kind kind{};
    u16 asid{};
    Gva start{};
    u64 size{};
};

// Executes it on this hart for the VMID that hgatp holds.  Ranges of more than a few pages become whole
// fences, so that the work is bounded.
void execute(GuestFence const& fence);

}  // namespace antler::vm
