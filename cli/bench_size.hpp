// How large things are: images, code that an exit can reach, memory.
#pragma once

#include <string>
#include <vector>

#include "cli/bench_data.hpp"

namespace antler::cli {

struct SizeRow {
    std::string_view name;
    std::string_view what;
};
[[nodiscard]] std::vector<SizeRow> const& size_rows();

[[nodiscard]] Record measure_size(std::vector<std::string> const& wanted, std::vector<std::string>& problems);

}  // namespace antler::cli
