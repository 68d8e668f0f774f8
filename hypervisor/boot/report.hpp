// What is said when the hypervisor dies: the cause in words, the registers, and a backtrace.
#pragma once

#include <array>
#include <cstddef>

#include "hart/offsets.hpp"
#include "isa/csr.hpp"

namespace antler::boot {

// As entry.S stores it.
struct FaultFrame {
    std::array<u64, 32> x;
    u64 pc;
};
static_assert(offsetof(FaultFrame, pc) == ANTLER_FAULT_PC && sizeof(FaultFrame) <= ANTLER_FAULT_FRAME_BYTES);

void report_fault(FaultFrame const& frame, isa::Scause cause, u64 value);

// Return addresses on this hart's stack from here up, as offsets into the image, for `antler symbolize`.
void report_backtrace(u64 stack_pointer);

}  // namespace antler::boot
