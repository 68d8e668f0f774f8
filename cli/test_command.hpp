// `antler test`: every check there is, in stages, and a last line that counts them.
#pragma once

#include <string>
#include <vector>

namespace antler::cli {

struct TestOptions {
    bool long_form = false;             // --long: every combination, and fuzzers for minutes
    bool json = false;                  // --json: results for programs on standard output
    bool list = false;                  // --list: names only, nothing is run
    std::vector<std::string> stages{};  // --stage NAME, may be given again: static, unit, fuzz, system, bench
    std::string filter{};               // --filter TEXT: only tests with TEXT in their name
    unsigned jobs = 0;                  // --jobs N: at once; 0: one for each processor
    std::vector<std::string> qemu_args{};  // more words for the QEMU of every scenario
};

// The exit code: 0 when nothing failed.
int run_tests(TestOptions const& options);

}  // namespace antler::cli
