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
    u64 own_pc = 0;  // offsets in the image
    u64 own_caller = 0;
    TextBuffer<32> name{};
    TextBuffer<120> sentence{};
};

// Of one channel.  Bounded: what finds no room is counted; what is of no interest is not kept.
class EventQueue {
public:
    // To nothing: what was kept is forgotten.
    void subscribe(u32 topics) {
        topics_ = topics;
        if (topics != 0) return;
        events_.clear();
        lost_ = 0;
    }

    // True: the channel should be told, for the first time since the queue was empty.
    [[nodiscard]] bool push(Event const& event) {
        if ((topics_ & topic_of(event.type)) == 0) return false;
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
    [[nodiscard]] static constexpr u32 topic_of(abi::control::Type type) {
        using abi::control::Type;
        namespace topic = abi::control::topic;
        if (type == Type::event_vm_state) return topic::vm_state;
        if (type == Type::event_create_progress) return topic::create_progress;
        if (type == Type::event_hart_stuck) return topic::harts;
        return topic::log;
    }

    Ring<Event, 32> events_{};
    u32 lost_ = 0;
    u32 topics_ = 0;
};

}  // namespace antler::backend
