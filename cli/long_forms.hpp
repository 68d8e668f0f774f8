// What the long forms of tests came to: kept in docs/long.json, and shown in docs/promises.md.
#pragma once

#include <string>
#include <vector>

#include "cli/test_result.hpp"

namespace antler::cli {

// Puts what these results counted in place of what is known of the same tests; the parts of one test are one.
void keep_long_forms(Path const& file, std::vector<TestResult> const& results);

// A table's rows: the test, how much it did, how long that took, what it found.  Empty where there is no such
// file.
[[nodiscard]] std::string long_forms_rows(Path const& file);

// "hostile-long" of "hostile-long (first=100 harts=2)", "Suite.Name" of "Suite.Name/3".
[[nodiscard]] std::string without_part(std::string const& name);

}  // namespace antler::cli
