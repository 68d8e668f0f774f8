// `antler bench`: what exits, boots and wake-ups cost, in instructions, under Antler and without it.
#pragma once

#include <string>
#include <vector>

namespace antler::cli {

struct BenchOptions {
    std::vector<std::string> rows{};   // empty: all
    std::vector<std::string> parts{};  // empty: all, but with rows or a check those of exits
    bool json = false;
    bool check = false;
    bool save = false;
    bool markdown = false;
    std::string explain{};  // a row
};

// The exit code; failures are thrown.
int bench_command(BenchOptions const& options);

}  // namespace antler::cli
