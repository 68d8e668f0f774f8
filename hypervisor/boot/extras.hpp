// The small virtio devices of VMs: entropy, consoles, the balloon.
#pragma once

#include "memory/store.hpp"
#include "vm/vm.hpp"

namespace antler::boot {

// Those of the VM's description, in the slots that come next.
[[nodiscard]] Result<void> add_extras(vm::Vm& machine, memory::Store& store);

}  // namespace antler::boot
