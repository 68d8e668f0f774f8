// Looks whether memory is where it should be, when the log asks for it.
#pragma once

#include "boot/system.hpp"

namespace antler::boot {

// Once every VM has its memory, and before any runs: each VM's tables show frames of its own, no stack's
// guard page is mapped, and the house sees no granule of guests but through windows and writes to none of
// its code.  A page goes through every change of owner and state.  One line says so, or
// what is wrong.
void audit_memory(System& all);

// Every thousand changes of a VM's memory its tables are looked at again, if the log asks for it.
// False: it does not.
bool audit_again(System& all);

}  // namespace antler::boot
