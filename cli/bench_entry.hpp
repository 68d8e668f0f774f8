// A tiny RISC-V program in place of a kernel, which says when the firmware handed over to it.
#pragma once

#include <string>

namespace antler::cli {

// A flat image for S-mode that prints the time CSR at its first instruction, alone on a line, and powers off.
[[nodiscard]] std::string entry_program();

}  // namespace antler::cli
