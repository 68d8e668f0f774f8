// The commands that talk to a machine that runs.
#pragma once

#include "cli/command_tree.hpp"

namespace antler::cli {

void add_operator_commands(CommandTree& tree);

}  // namespace antler::cli
