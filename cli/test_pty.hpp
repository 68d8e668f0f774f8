// Talks to a program at a terminal, as a person would.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cli/child_process.hpp"
#include "cli/test_scenario.hpp"

namespace antler::cli {

// What went wrong, or nothing.  `log` gets what the terminal showed.
[[nodiscard]] std::string talk_at_terminal(Arguments const& words, std::vector<DialogueStep> const& talk,
                                           int exit, std::chrono::seconds limit, int log);

}  // namespace antler::cli
