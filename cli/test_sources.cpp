// The sources of tests, read as text.
#include "cli/test_sources.hpp"

#include <algorithm>
#include <array>

namespace antler::cli {

std::vector<Path> files_below(Path const& folder, std::string_view ending) {
    std::vector<Path> found;
    for (auto const& entry : std::filesystem::recursive_directory_iterator{folder})
        if (entry.path().extension() == ending) found.push_back(entry.path());
    std::ranges::sort(found);
    return found;
}

std::string unit_test_in(std::string_view line) {
    constexpr std::array<std::string_view, 6> starts{
        "TEST(", "TEST_F(", "TEST_P(", "TYPED_TEST(", "RC_GTEST_PROP(", "RC_GTEST_FIXTURE_PROP("};
    if (std::ranges::none_of(starts, [&](auto start) { return line.starts_with(start); })) return {};
    auto const words = line.substr(line.find('(') + 1);
    auto const comma = words.find(',');
    auto name = words.substr(std::min(words.find_first_not_of(" ", comma + 1), words.size()));
    name = name.substr(0, name.find_first_of(",) "));
    return std::string{words.substr(0, comma)} + "." + std::string{name};
}

std::string scenario_in(std::string_view line) {
    constexpr std::string_view start = "[scenario.";
    if (!line.starts_with(start) || !line.ends_with(']')) return {};
    return std::string{line.substr(start.size(), line.size() - start.size() - 1)};
}

}  // namespace antler::cli
