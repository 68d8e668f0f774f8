// What goes out to people: the consoles, and what happened.
#pragma once

#include "backend/console_hub.hpp"
#include "backend/event_queue.hpp"
#include "base/locked.hpp"

namespace antler::backend {

struct Outward {
    ConsoleHub hub{};
    std::array<EventQueue, most_channels> events{};

    // True: a channel that rests should be told.
    [[nodiscard]] bool happened(Event const& event) {
        bool wake = false;
        for (auto& queue : events) wake = queue.push(event) || wake;
        return wake;
    }
};

using LockedOutward = Locked<Outward, Rank::output>;

}  // namespace antler::backend
