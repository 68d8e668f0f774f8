// The man page and the shells' completions, written from the command tree itself.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace antler::cli {

[[nodiscard]] std::string man_page(CLI::App const& app);
// For bash, or zsh by way of its bashcompinit.
[[nodiscard]] std::string completion_script(CLI::App const& app, std::string const& shell);

}  // namespace antler::cli
