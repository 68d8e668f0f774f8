// `antler console VM`: what a VM says, from its scroll-back on, and what is typed at it; ^] leaves.
#pragma once

#include <string>

#include "cli/vm_commands.hpp"

namespace antler::cli {

struct ConsoleOptions : Asked {
    std::string vm{};  // empty: the hypervisor's log
    u32 port = 0;      // 0: the serial port; 1 and up: virtio consoles
    u32 history = 65'536;
    bool follow = true;      // or leave once the scroll-back is printed
    bool read_only = false;  // leave the input to whoever has it
};

int console_command(ConsoleOptions const& options);

}  // namespace antler::cli
