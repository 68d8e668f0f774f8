// The switches of the machine, and the VMs that are plugged into them.
#pragma once

#include <array>

#include "backend/switch.hpp"
#include "base/result.hpp"
#include "memory/store.hpp"
#include "vm/net_card.hpp"

namespace antler::boot {

struct System;

inline constexpr u32 max_switches = 16;

struct Networks {
    std::array<backend::Switch*, max_switches> switches{};
};

// Every card of the VM's description, in the slots that come next.
[[nodiscard]] Result<void> add_net_cards(System& all, vm::Vm& machine, memory::Store& store);

}  // namespace antler::boot
