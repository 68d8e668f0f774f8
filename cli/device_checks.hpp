// Checks of a description's disks, network cards and channels, which no single key can make.
#pragma once

#include "cli/description.hpp"

namespace antler::cli {

// Puts so many VMs where one has a `count`.
void repeat_vms(Description& description);

// Throws a Failure for what is wrong in the text.  A VM whose disk is not there is refused.  Gives every
// image file a drive, and every card an address.
void check_devices(Description& description);

}  // namespace antler::cli
