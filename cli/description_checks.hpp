// Checks of a description that no single key can make: files that must exist, memory that must fit.
#pragma once

#include "cli/description.hpp"

namespace antler::cli {

// Fills in the paths of the payloads and the CPU, or throws a Failure.
void check_description(Description& description, Catalogue const& catalogue);

}  // namespace antler::cli
