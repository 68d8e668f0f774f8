// The switches of the machine, and the VMs that are plugged into them.
#pragma once

#include <array>
#include <string_view>

#include "abi/pack.hpp"
#include "backend/switch.hpp"
#include "base/result.hpp"
#include "control/pack_reader.hpp"
#include "memory/store.hpp"
#include "vm/net_card.hpp"

namespace antler::boot {

struct System;

inline constexpr u32 max_switches = abi::pack::most_switches;

struct Networks {
    struct Named {
        std::array<char, abi::pack::longest_name + 1> name{};  // NUL behind it
        backend::Switch* where = nullptr;
    };
    std::array<Named, max_switches> switches{};
    u32 uplinks = 0;  // cards of the board that are taken
};

// Every card of the VM's description, in the slots that come next.
[[nodiscard]] Result<void> add_net_cards(System& all, vm::Vm& machine, memory::Store& store);

// Joins each switch of the pack that asks for it with a network card of the board; in words where there is
// none.
void open_uplinks(System& all, control::Pack const& pack);

}  // namespace antler::boot
