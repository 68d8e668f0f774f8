// Verbs for a whole machine that runs: a new VM for it, and its end.
#pragma once

#include "cli/vm_commands.hpp"

namespace antler::cli {

struct CreateOptions : Asked {
    Path file{};
    bool off = false;  // do not start it
};
// `antler create FILE`: the VMs of a description become VMs of a machine that runs.
int create_command(CreateOptions const& options);

// `antler undefine VM`: it is forgotten, and the drives that were its own wait for another.
int undefine_command(Asked const& asked, std::string const& vm);

// `antler stop`: ends a machine with all its VMs, at once.
int stop_command(Asked const& asked);

// Names for a shell's completion: of VMs, or of machines.  Never complains.
int names_command(bool machines);

}  // namespace antler::cli
