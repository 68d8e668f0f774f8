// What the architecture itself requires for a row, instruction by instruction, and how far Antler is from it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/types.hpp"
#include "cli/bench_data.hpp"

namespace antler::cli {

struct Floor {
    struct Need {
        u32 instructions = 0;
        std::string what;
    };
    std::string row;
    std::vector<Need> needs;
    std::string why;  // there is more

    [[nodiscard]] u32 instructions() const;
};

[[nodiscard]] std::vector<Floor> parse_floors(std::string_view json, Path const& name);
[[nodiscard]] std::vector<Floor> read_floors(Path const& file);  // throws Failure
[[nodiscard]] std::string floors_section(std::vector<Floor> const& floors, Figures const& figures);

}  // namespace antler::cli
