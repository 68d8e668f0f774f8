// Where a hart is, asked by another one, also while it takes no interrupts: by an event of the firmware's.
#pragma once

#include <atomic>
#include <cstddef>

#include "base/types.hpp"
#include "hart/offsets.hpp"

namespace antler::hart {

// The hart's own part is written by antler_tell_whereabouts, which may come between any two instructions.
struct Whereabouts {
    u64 pc = 0;
    u64 return_address = 0;        // ra: who called the function at pc, as long as that calls nobody
    std::atomic<u64> answers = 0;  // how often the above were written
};

static_assert(offsetof(Whereabouts, pc) == ANTLER_WHERE_PC);
static_assert(offsetof(Whereabouts, return_address) == ANTLER_WHERE_RA);
static_assert(offsetof(Whereabouts, answers) == ANTLER_WHERE_ANSWERS);

}  // namespace antler::hart

#if defined(__riscv)
// Not a function: the firmware enters it with a Whereabouts in a7, and is called to leave it.
extern "C" void antler_tell_whereabouts();
#endif
