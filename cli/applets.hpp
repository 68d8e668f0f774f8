// Which commands a busybox program has, read from the program itself, as it cannot run here.
#pragma once

#include <string_view>
#include <vector>

#include "cli/file.hpp"

namespace antler::cli {

// Views into `busybox`; empty when it has no table of names that we know.
[[nodiscard]] std::vector<std::string_view> find_applets(ByteView busybox);

}  // namespace antler::cli
