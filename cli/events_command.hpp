// `antler events`: what happens to a machine, as it happens.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/vm_commands.hpp"

namespace antler::cli {

struct EventsOptions : Asked {
    std::vector<std::string> topics{};  // none: all of them
    u32 count = 0;                      // 0: until somebody ends it
    double timeout = 0;                 // seconds; 0: none
};
int events_command(EventsOptions const& options);

// One line for people, without its end; empty where it is of no interest.
[[nodiscard]] std::string event_line(Said const& said);

}  // namespace antler::cli
