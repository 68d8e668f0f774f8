// How far random programs go: `antler test --long` sets ANTLER_LONG for them.
#pragma once

#include <cstdlib>

#include "base/types.hpp"

namespace antler::fake {

[[nodiscard]] inline bool is_long_form() {
    return std::getenv("ANTLER_LONG") != nullptr;
}
[[nodiscard]] inline u64 steps(u64 short_form, u64 long_form) {
    return is_long_form() ? long_form : short_form;
}

}  // namespace antler::fake
