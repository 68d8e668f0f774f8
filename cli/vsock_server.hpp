// Who keeps the sockets of a machine's vsock devices: a program of its own, for as long as the machine lives.
#pragma once

#include <string>

#include "cli/places.hpp"

namespace antler::cli {

// For each VM with a vsock a socket `vsock-NAME` beside the control socket.  Whoever connects there writes
// `CONNECT PORT` and a newline, reads `OK` and the host's own port, and is joined to that port of the guest.
// A guest that connects to port P of CID 2 comes to the socket `vsock-NAME_P`, if somebody listens there.
[[nodiscard]] Path vsock_socket(Path const& control, std::string const& vm);
[[nodiscard]] Path vsock_socket(Path const& control, std::string const& vm, unsigned port);

// Serves them until the machine has ended; returns at once where somebody does so already.
int serve_vsock(Path const& control);

// Lets another process do that.
void start_vsock_server(Path const& control);

// The port of a line `CONNECT PORT`; 0 where it is no such line.
[[nodiscard]] unsigned port_of_connect(std::string_view line);

}  // namespace antler::cli
