// How large a terminal is.
#pragma once

#include "base/types.hpp"

namespace antler::device::virtio {

// In characters; nothing where it is not known.
struct ConsoleSize {
    u16 columns = 0, rows = 0;
};

}  // namespace antler::device::virtio
