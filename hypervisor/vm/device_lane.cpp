// The device lane as entry.S calls it.
#include "vm/device_lane.hpp"

#if defined(__riscv)

namespace antler::vm {

extern "C" u64 antler_device_lane() {
    hart::GuestRegisters* registers;
    asm("mv %0, tp" : "=r"(registers));
    return device_lane(static_cast<Vcpu&>(*registers));
}

}  // namespace antler::vm

#endif
