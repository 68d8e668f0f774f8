// Registers of a board's device, read and written in order.
#pragma once

#include "base/address.hpp"
#include "base/types.hpp"

namespace antler::platform {

// The house maps devices where they are.
template <class T>
[[nodiscard]] inline T mmio_read(Hpa at) {
    return *reinterpret_cast<T volatile*>(at.raw());
}
template <class T>
inline void mmio_write(Hpa at, T value) {
    *reinterpret_cast<T volatile*>(at.raw()) = value;
}

}  // namespace antler::platform
