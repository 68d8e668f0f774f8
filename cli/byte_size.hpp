// Sizes as people write and read them: 512M, 2G.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/types.hpp"

namespace antler::cli {

// Digits and one of K M G T, which are powers of 1,024; nothing else, and nothing that overflows.
[[nodiscard]] std::optional<u64> parse_size(std::string_view text);

// The shortest exact form that parse_size() reads back; a count of bytes where there is none.
[[nodiscard]] std::string show_size(u64 bytes);

// For a sentence, where a rounded figure says more: "29.7 MiB".
[[nodiscard]] std::string show_rounded_size(u64 bytes);

}  // namespace antler::cli
