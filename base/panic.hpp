// The end, for our own bugs only: no guest action may reach it.
#pragma once

#include <string_view>

#include "base/types.hpp"

namespace antler {

// Defined by boot/ on the machine and by the test program on the host.
[[noreturn]] void panic(std::string_view what, u64 first = 0, u64 second = 0);

}  // namespace antler

#define VERIFY(condition)                                     \
    do {                                                      \
        if (!(condition)) [[unlikely]]                        \
            ::antler::panic("broken invariant: " #condition); \
    } while (false)
