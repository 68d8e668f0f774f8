// Whose trap a lane answers: entry.S leaves the guest's registers in tp.
#pragma once

#include "hart/registers.hpp"

namespace antler::hart {

[[nodiscard, gnu::always_inline]] inline GuestRegisters& lane_caller() {
    GuestRegisters* registers;
    asm("mv %0, tp" : "=r"(registers));
    return *registers;
}

}  // namespace antler::hart
