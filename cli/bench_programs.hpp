// Two tiny RISC-V programs that tell the time: one as Linux' init, one in place of a kernel.
#pragma once

#include <string>

#include "base/types.hpp"

namespace antler::cli {

// A Linux program, as an ELF file, that says `marker TIME` and powers the machine off.  TIME is the time CSR
// when it was entered.
[[nodiscard]] std::string marker_program();

// A flat image for S-mode that prints the time CSR at its first instruction, alone on a line, and powers off.
[[nodiscard]] std::string entry_program();

}  // namespace antler::cli
