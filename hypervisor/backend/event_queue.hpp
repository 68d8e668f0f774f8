// What happened and an operator may want to know, until the control channel has told it.
#pragma once

#include <string_view>

#include "abi/control.hpp"
#include "base/format.hpp"
#include "base/ring.hpp"

namespace antler::backend {

// Which fields mean what is the business of the event's type.
struct Event {
    abi::control::Type type{};
    u32 id = 0;
    abi::control::VmState before{};
    abi::control::VmState now{};
    u64 at = 0;
    u64 number = 0;
    u64 pc = 0;
    TextBuffer<32> name{};
    TextBuffer<120> sentence{};
};

// Bounded: what finds no room is counted.
class EventQueue {
public:
    // True: the channel should be told, for the first time since the queue was empty.
    [[nodiscard]] bool push(Event const& event) {
        bool const first = events_.empty() && lost_ == 0;
        if (!events_.push(event)) ++lost_;
        return first;
    }
    [[nodiscard]] std::optional<Event> pop() { return events_.pop(); }
    [[nodiscard]] bool empty() const { return events_.empty() && lost_ == 0; }
    // How many were lost since this was asked last.
    [[nodiscard]] u32 take_lost() {
        auto const lost = lost_;
        lost_ = 0;
        return lost;
    }

private:
    Ring<Event, 64> events_{};
    u32 lost_ = 0;
};

}  // namespace antler::backend
