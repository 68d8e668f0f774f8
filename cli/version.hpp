// Which Antler this is.
#pragma once

#include <string_view>

namespace antler::cli {

inline constexpr std::string_view version = "0.2.0";

}  // namespace antler::cli
