// Looks whether memory is where it should be, when the log asks for it.
#pragma once

#include "boot/system.hpp"

namespace antler::boot {

// Once every VM has its memory, and before any runs: each VM's tables show frames of its own, no stack's
// guard page is mapped, and the house sees no granule of guests but through windows.  One line says so, or
// what is wrong.
void audit_memory(System& all);

}  // namespace antler::boot
