// On the host a panic is an abort, which GoogleTest's death tests and the fuzzers both see.
#include "base/panic.hpp"

#include <cstdio>
#include <cstdlib>

#include "base/locked.hpp"

namespace antler {

void panic(std::string_view what, u64 first, u64 second) {
    std::fprintf(stderr, "panic: %.*s (%#lx, %#lx)\n", static_cast<int>(what.size()), what.data(), first,
                 second);
    std::abort();
}

u32& held_ranks() {
    static thread_local u32 ranks = 0;
    return ranks;
}

}  // namespace antler
