// `antler build FILE -o DIR`: writes what a board boots.
#pragma once

#include "cli/places.hpp"

namespace antler::cli {

// The exit code; failures are thrown.
int build_command(Path const& file, Path const& out);

}  // namespace antler::cli
