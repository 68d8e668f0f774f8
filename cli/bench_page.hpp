// docs/benchmarks.md, written from what is on record.
#pragma once

#include <string>

#include "cli/bench_data.hpp"

namespace antler::cli {

[[nodiscard]] std::string benchmarks_page(Record const& own, Record const& rivals);

}  // namespace antler::cli
