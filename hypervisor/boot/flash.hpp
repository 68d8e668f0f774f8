// The flash memory of VMs: a program that stays in the pack, and a copy of what it keeps.
#pragma once

#include "boot/system.hpp"
#include "memory/store.hpp"
#include "vm/vm.hpp"

namespace antler::boot {

// For a VM that is made and has not started.
[[nodiscard]] Result<void> add_flash(System& all, vm::Vm& machine, memory::Store& store);

}  // namespace antler::boot
