// `antler build-guest NAME`: makes a disk of the catalogue, in a VM, and puts it into the cache.
#pragma once

#include <string>

namespace antler::cli {

struct BuildGuestOptions {
    std::string name{};
    bool again = false;  // also if it is there
};

int build_guest_command(BuildGuestOptions const& options);

}  // namespace antler::cli
