// Sockets with a path: at whose other end somebody listens, or where we do.
#pragma once

#include "cli/child_process.hpp"
#include "cli/places.hpp"

namespace antler::cli {

// Both do not block.  Not open: errno says why.
[[nodiscard]] Descriptor connect_to_socket(Path const& path);
// What lay at that path before is gone; who finds the socket there is let in.
[[nodiscard]] Descriptor listen_at_socket(Path const& path);

}  // namespace antler::cli
