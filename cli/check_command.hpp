// `antler check FILE`: says what a description makes, or the first thing that is wrong with it.
#pragma once

#include "cli/places.hpp"

namespace antler::cli {

// The exit code; failures are thrown.
int check_command(Path const& file, bool as_json = false);

// `antler check --schema-markdown`: docs/configuration.md.
int schema_command();

}  // namespace antler::cli
