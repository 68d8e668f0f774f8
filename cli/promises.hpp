// What Antler promises, and the tests that try to break each promise: docs/promises.toml, and the page that
// is made of it.
#pragma once

#include <string>
#include <vector>

#include "cli/places.hpp"

namespace antler::cli {

// The names of all tests that a tree of sources has.
struct TestNames {
    std::vector<std::string> unit{};    // Suite.Name
    std::vector<std::string> system{};  // scenarios
    std::vector<std::string> fuzz{};    // programs
};
[[nodiscard]] TestNames test_names(Path const& root);

// docs/promises.md.  A test that does not exist, or a promise without any, is a failure with a sentence.
[[nodiscard]] std::string promises_markdown(Path const& root);

// `antler check --promises-markdown`
int promises_command();

}  // namespace antler::cli
