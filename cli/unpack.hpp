// Unpacks one compressed file: gzip, xz or zstd.
#pragma once

#include <expected>
#include <string>

#include "cli/file.hpp"

namespace antler::cli {

[[nodiscard]] bool is_compressed(ByteView bytes);

// What is inside, or why that cannot be had, as the rest of a sentence that starts with the file's name.
[[nodiscard]] std::expected<Bytes, std::string> unpack(ByteView bytes, u64 most_bytes);

}  // namespace antler::cli
