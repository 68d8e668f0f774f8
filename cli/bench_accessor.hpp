// What one guarded access of the hypervisor to guest memory costs, found in a trace of exits.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.hpp"
#include "cli/exit_trace.hpp"
#include "cli/places.hpp"

namespace antler::cli {

// A row, and the function whose instructions are the accessor's, wherever it is inlined.
struct Accessor {
    std::string_view row;
    std::string_view function, file;
};
[[nodiscard]] Accessor const* find_accessor(std::string_view row);

// Places in an image of instructions that may fault on guest memory: those that the table of fixups names
// (from `begin` to `end`), and those that read as the guest would.
[[nodiscard]] std::set<u64> guarded_instructions(std::string_view image, u64 begin, u64 end);

// Instructions that stem from the function, by how often one of them that may fault ran; nothing where none
// did. `names` says of each place "function at file:line, inlined in …".
[[nodiscard]] std::optional<double> cost_of_access(std::vector<ExitShape> const& shapes,
                                                   std::map<u64, std::string> const& names,
                                                   std::set<u64> const& guarded, Accessor const& accessor);

// The same of the hypervisor as it was built.
[[nodiscard]] std::optional<double> cost_of_access(ExitTrace const& trace, Path const& hypervisor,
                                                   Accessor const& accessor);

}  // namespace antler::cli
