// The switches of the machine, and the VMs that are plugged into them.
#pragma once

#include <array>
#include <string_view>

#include "backend/switch.hpp"
#include "base/result.hpp"
#include "memory/store.hpp"
#include "vm/net_card.hpp"

namespace antler::boot {

struct System;

inline constexpr u32 max_switches = 16;

struct Networks {
    std::array<backend::Switch*, max_switches> switches{};
    u32 uplinks = 0;  // cards of the board that are taken
};

// Every card of the VM's description, in the slots that come next.
[[nodiscard]] Result<void> add_net_cards(System& all, vm::Vm& machine, memory::Store& store);

// Joins a switch with the board's network card that no other one has; in words when there is none.
void open_uplink(System& all, u32 index, std::string_view name);

}  // namespace antler::boot
