// Every word that `antler` understands on its command line.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>

namespace antler::cli {

// The tree, and what the chosen command does; empty until the tree has parsed something.
struct CommandTree {
    std::unique_ptr<CLI::App> app;
    std::shared_ptr<std::function<int()>> chosen;
};
[[nodiscard]] CommandTree make_command_tree();

// Parses, runs, and prints a failure as one sentence; the exit code.
int run_command_line(int argc, char const* const* argv);

}  // namespace antler::cli
