// The call into the firmware below us (SBI), and nothing about what it means.
#pragma once

#include "base/types.hpp"

namespace antler::hart {

struct FirmwareAnswer {
    i64 error;
    u64 value;
};

#if defined(__riscv)
// Registers other than a0 and a1 are preserved by the firmware.   [sbi binary-encoding]
inline FirmwareAnswer firmware_call(u64 extension, u64 function, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0,
                                    u64 e = 0) {
    register u64 a0 asm("a0") = a;
    register u64 a1 asm("a1") = b;
    register u64 a2 asm("a2") = c;
    register u64 a3 asm("a3") = d;
    register u64 a4 asm("a4") = e;
    register u64 a6 asm("a6") = function;
    register u64 a7 asm("a7") = extension;
    asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7) : "memory");
    return {static_cast<i64>(a0), a1};
}
#else
FirmwareAnswer firmware_call(u64 extension, u64 function, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0,
                             u64 e = 0);
#endif

}  // namespace antler::hart
