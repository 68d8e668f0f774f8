// Streams between guests and operators: which VM has them, and which calls nobody answers.
#pragma once

#include <optional>
#include <span>

#include "boot/lives.hpp"
#include "control/operations.hpp"

namespace antler::boot {

struct System;

// All of these are called on the boot hart, between two turns of its guests.

[[nodiscard]] control::Outcome call_guest(System& all, u32 id, u32 port, control::StreamPlace& into);
[[nodiscard]] std::optional<control::Caller> take_call(System& all, control::PortSet const& ports);

// Before the lines of the control channel work: they hear of what has happened to streams since.
void tell_streams(System& all);
// After they have: calls of guests at ports where no line listens.
void refuse_calls(System& all);

// Calls body(streams) for a VM that is there, has some, and may run.
template <class Body>
void with_streams(System& all, u32 id, Body&& body) {
    auto* const vm = running_vm(all, id);
    if (vm != nullptr && !vm->is_over() && vm->machine().has_streams())
        vm->machine().with_streams(std::forward<Body>(body));
}
// And what it answers; else `otherwise`.
template <class Answer, class Body>
[[nodiscard]] Answer with_streams(System& all, u32 id, Answer otherwise, Body&& body) {
    with_streams(all, id, [&](device::virtio::HostStreams& streams) { otherwise = body(streams); });
    return otherwise;
}

}  // namespace antler::boot
