// What a trap saves of a guest: its integer registers, where it was, and what the lane needs to know of it.
#pragma once

#include <array>
#include <cstddef>

#include "base/types.hpp"
#include "hart/offsets.hpp"

namespace antler::hart {

struct Hart;

// Touched by entry.S; sscratch points here while the guest runs.
struct GuestRegisters {
    std::array<u64, 32> x{};
    u64 pc = 0;
    u64 sstatus = 0;
    u64 hstatus = 0;
    u64 stack = 0;         // top of the stack of the hart that runs this vCPU
    Hart* hart = nullptr;  // becomes tp

    // What the ecall lane may answer by itself.
    u32 guest_hart = 0;       // the vCPU's hart id
    u32 guest_harts = 0;      // how many its VM has
    bool owns_timer = false;  // set_timer is a write of vstimecmp
    u32 lane_calls = 0;       // calls the lane answered since the last full exit
};

static_assert(offsetof(GuestRegisters, x) == ANTLER_GUEST_X(0));
static_assert(offsetof(GuestRegisters, pc) == ANTLER_GUEST_PC);
static_assert(offsetof(GuestRegisters, sstatus) == ANTLER_GUEST_SSTATUS);
static_assert(offsetof(GuestRegisters, hstatus) == ANTLER_GUEST_HSTATUS);
static_assert(offsetof(GuestRegisters, stack) == ANTLER_GUEST_STACK);
static_assert(offsetof(GuestRegisters, hart) == ANTLER_GUEST_HART);

}  // namespace antler::hart
