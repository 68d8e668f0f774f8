// What the harts that share work tell each other: who is idle, and where somebody waits.
#pragma once

#include <atomic>
#include <span>

#include "base/types.hpp"

namespace antler::vm {

struct Core;

// Bits are indexes of harts.  A glance may be old: whoever acts on it asks the hart itself.
struct Team {
    std::span<Core* const> cores{};
    std::atomic<u64> idle = 0;       // it has nobody to run
    std::atomic<u64> native = 0;     // its guest waits natively, so it may be idle and not know
    std::atomic<u64> crowded = 0;    // somebody waits there behind another
    std::atomic<u64> dedicated = 0;  // it serves one vCPU only

    [[nodiscard]] static constexpr u64 bit(u32 hart) { return u64{1} << hart; }
};

}  // namespace antler::vm
