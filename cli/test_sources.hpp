// The sources of tests, read as text: which tests there are, by the names that their programs print.
#pragma once

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/places.hpp"

namespace antler::cli {

template <class Each>
void for_each_line(Path const& file, Each&& each) {
    std::ifstream in{file};
    for (std::string line; std::getline(in, line);) each(std::string_view{line});
}

// In the order of their names.
[[nodiscard]] std::vector<Path> files_below(Path const& folder, std::string_view ending);

// "TEST(Suite, Name) {" is Suite.Name; empty for every other line.
[[nodiscard]] std::string unit_test_in(std::string_view line);

// "[scenario.NAME]" is NAME; empty for every other line.
[[nodiscard]] std::string scenario_in(std::string_view line);

}  // namespace antler::cli
