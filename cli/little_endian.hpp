// Loads little-endian numbers from the bytes of a file.
#pragma once

#include <concepts>

#include "base/types.hpp"
#include "cli/file.hpp"

namespace antler::cli {

// The caller has checked that they are there.
template <std::unsigned_integral T>
[[nodiscard]] constexpr T little_endian(ByteView bytes, usize offset) {
    T value = 0;
    for (usize i = 0; i < sizeof(T); ++i) value |= static_cast<T>(T{bytes[offset + i]} << (8 * i));
    return value;
}

}  // namespace antler::cli
