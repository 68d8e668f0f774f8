// The floors of bench/floors.json.
#include "cli/bench_floors.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/failure.hpp"
#include "cli/file.hpp"

namespace antler::cli {

u32 Floor::instructions() const {
    u32 sum = 0;
    for (auto const& need : needs) sum += need.instructions;
    return sum;
}

std::vector<Floor> parse_floors(std::string_view json, Path const& name) {
    try {
        std::vector<Floor> floors;
        for (auto const& entry : nlohmann::json::parse(json).at("floors")) {
            Floor floor{.row = entry.at("row"), .needs = {}, .why = entry.at("why")};
            for (auto const& need : entry.at("needs")) floor.needs.push_back({need.at(0), need.at(1)});
            floors.push_back(std::move(floor));
        }
        return floors;
    } catch (nlohmann::json::exception const& wrong) {
        throw Failure{ExitCode::bad_input, name.string() + " is not a file of floors: " + wrong.what() + "."};
    }
}

std::vector<Floor> read_floors(Path const& file) {
    auto const bytes = read_file(file);
    return parse_floors(as_text(bytes), file);
}

std::string floors_section(std::vector<Floor> const& floors, Figures const& figures) {
    std::string section =
        "\n### The floor\n\n"
        "What the architecture itself requires of anybody who does this in software, in instructions, and "
        "how "
        "far Antler is from it.\n\n"
        "| row | floor | antler | distance | what the distance is |\n|---|---:|---:|---:|---|\n";
    for (auto const& floor : floors) {
        auto const own = find(figures, floor.row, ours);
        auto const least = floor.instructions();
        section += fmt::format("| `{}` | {} | {} | {} | {} |\n", floor.row, least,
                               own ? fmt::format("{:.0f}", *own) : "",
                               own ? fmt::format("{:.0f}", *own - least) : "", floor.why);
    }
    for (auto const& floor : floors) {
        section += fmt::format("\n`{}`:\n\n", floor.row);
        for (auto const& need : floor.needs)
            section += fmt::format("* {}: {}\n", need.instructions, need.what);
    }
    return section;
}

}  // namespace antler::cli
