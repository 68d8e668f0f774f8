// The device tree of one life of a virtual machine, written into its memory.
#pragma once

#include "base/result.hpp"

namespace antler::vm {

class Vm;

[[nodiscard]] Result<void> write_device_tree(Vm& vm);

}  // namespace antler::vm
