// `antler coverage`: which lines and branches of the hypervisor the tests run.
#pragma once

#include <string>

namespace antler::cli {

struct CoverageOptions {
    // --system: scenarios anew, a quarter of an hour; what they came to counts until the image changes
    bool system = false;
    std::string filter{};  // --filter WORD: only programs, or scenarios, with this in their names
    bool save = false;     // --save: docs/coverage.json and docs/coverage.md
    bool files = false;    // --files: every file with what did not run
    unsigned jobs = 0;
};

int coverage_command(CoverageOptions const& options);

}  // namespace antler::cli
