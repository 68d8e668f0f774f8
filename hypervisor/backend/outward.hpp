// What goes out to people: the consoles, and what happened.
#pragma once

#include "backend/console_hub.hpp"
#include "backend/event_queue.hpp"
#include "base/locked.hpp"

namespace antler::backend {

struct Outward {
    ConsoleHub hub{};
    EventQueue events{};
};

using LockedOutward = Locked<Outward, Rank::output>;

}  // namespace antler::backend
