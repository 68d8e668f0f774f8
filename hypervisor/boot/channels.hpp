// The channels between VMs: made when the first end wants one, and gone with the last.
#pragma once

#include <array>

#include "base/result.hpp"
#include "memory/store.hpp"
#include "vm/channel.hpp"

namespace antler::boot {

struct System;

inline constexpr u32 max_channels = 63;

struct Channels {
    std::array<vm::Channel, max_channels> all{};
};

// Every channel of the VM's description: memory and a bell.
[[nodiscard]] Result<void> add_channels(System& all, vm::Vm& machine, memory::Store& store);
// The VM's space shows none of their memory any more.
void leave_channels(System& all, vm::Vm& machine);

}  // namespace antler::boot
