// The outside of virtual machines, for the tests: what virtual machines asked of the board is written down.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace antler::fake {

struct Outside {
    std::vector<u32> ipis{};            // hart indices, in order
    std::function<void(u32)> on_ipi{};  // what the hart that is told does at once
    u64 host_timer = ~u64{0};           // the last deadline
    std::string console{};              // of all VMs
    u64 room_asked = 0;                 // how often a console said that it has room
    u64 stream_news = 0;                // that the host was told of
    Nanos wall_clock{1'700'000'000'000'000'000};
    u64 external_interrupts = 0;
    bool external_is_a_call = false;
    std::string typed{};       // at any console
    u64 background_turns = 0;  // of looking after the machine
    u64 background_at = ~u64{0};
    u64 polls = 0;  // of a console that cannot interrupt
    u64 machines_gone = 0;
    std::vector<std::string> announced{};
    bool has_entropy = true;
};

[[nodiscard]] Outside& outside();
void reset_outside();

}  // namespace antler::fake
