// `antler vsock`: standard input and output joined with a port of a guest.
#pragma once

#include "cli/vm_commands.hpp"

namespace antler::cli {

struct VsockOptions : Asked {
    std::string vm{};
    unsigned port = 0;
    bool listen = false;  // the guest comes to us
};
int vsock_command(VsockOptions const& options);

int vsock_server_command(Asked const& asked);

}  // namespace antler::cli
