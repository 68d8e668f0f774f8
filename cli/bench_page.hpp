// docs/benchmarks.md and the pictures in it, made of what is on record.
#pragma once

#include <map>
#include <string>

#include "cli/bench_parts.hpp"
#include "cli/places.hpp"

namespace antler::cli {

[[nodiscard]] std::string benchmarks_page(Records const& records);
// By the names of their files, below docs/benchmarks.
[[nodiscard]] std::map<std::string, std::string> benchmarks_pictures(Records const& records);

void write_pages(Path const& root, Records const& records);

}  // namespace antler::cli
