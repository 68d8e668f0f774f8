// The per-hart block: the one ambient thing, found through tp.
#pragma once

#include <cstddef>

#include "base/types.hpp"
#include "hart/offsets.hpp"

namespace antler::hart {

// Hart::copy_unit at most.
inline constexpr u64 widest_copy_unit = 64;

struct Hart {
    u64 fixup = 0;        // where a faulting guest-memory access continues; zero: a fault is our bug
    u64 saved_sp = 0;     // the stack pointer of the code that faulted
    u64 fault_stack = 0;  // top of the stack that faults are handled on, so that an overflow can be reported
    u64 fault_cause = 0;  // scause of the last access that took its fixup
    u64 fault_value = 0;  // stval of it
    u64 fault_gpa = 0;    // htval of it
    u64 id = 0;           // hart id, as firmware and device tree say it
    u32 index = 0;        // dense number, 0 .. harts - 1
    u32 held_ranks = 0;   // of locks; only debug builds keep it
    u32 copy_unit = 0;    // bytes of a vector register, where copies may use it
    bool hypervisor = false;  // the CSRs of H are known to be there
};

static_assert(offsetof(Hart, fixup) == ANTLER_HART_FIXUP);
static_assert(offsetof(Hart, saved_sp) == ANTLER_HART_SAVED_SP);
static_assert(offsetof(Hart, fault_stack) == ANTLER_HART_FAULT_STACK);

#if defined(__riscv)
[[nodiscard]] inline Hart& this_hart() {
    Hart* hart;
    asm("mv %0, tp" : "=r"(hart));
    return *hart;
}
#else
[[nodiscard]] Hart& this_hart();  // the test program's
#endif

}  // namespace antler::hart
