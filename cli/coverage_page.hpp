// What of the hypervisor's code tests run, kept as data (docs/coverage.json) and as a page
// (docs/coverage.md).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/coverage_lines.hpp"

namespace antler::cli {

struct CoverageRecord {
    std::map<std::string, std::string> circumstances{};  // how the figures came about
    std::vector<FolderCoverage> folders{};
    std::vector<FolderCoverage> worst{};  // files, those with most lines that did not run
};

inline constexpr double covered_lines_goal = 90;  // percent

[[nodiscard]] CoverageRecord coverage_record(CoveredFiles const& files);
[[nodiscard]] std::string to_json(CoverageRecord const& record);
[[nodiscard]] CoverageRecord parse_coverage(std::string_view json);
[[nodiscard]] std::string coverage_table(std::vector<FolderCoverage> const& rows, std::string_view what);
[[nodiscard]] std::string coverage_page(CoverageRecord const& record);

}  // namespace antler::cli
