// The device lane as entry.S calls it.
#include "vm/device_lane.hpp"

#if defined(__riscv)
#include "hart/lane_caller.hpp"

namespace antler::vm {

extern "C" u64 antler_device_lane() {
    return device_lane(static_cast<Vcpu&>(hart::lane_caller()));
}

}  // namespace antler::vm

#endif
