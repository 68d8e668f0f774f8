// The parts of the bench, and what each has on record: bench/results/NAME.json and .csv.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bench_data.hpp"
#include "cli/bench_floors.hpp"
#include "cli/places.hpp"

namespace antler::cli {

struct BenchPart {
    std::string_view name;      // what --part calls it
    std::string_view sentence;  // what it measures
    // Rows that are wanted (none: all); what did not work is added in sentences.
    Record (*measure)(std::vector<std::string> const& wanted, std::vector<std::string>& problems);
};
[[nodiscard]] std::span<BenchPart const> bench_parts();

// Its figures are those of Antler and of the machine without it, and regressions are counted against them.
inline constexpr std::string_view exits_part = "exits";

struct Records {
    Record rivals;                        // measured once, elsewhere
    std::map<std::string, Record> parts;  // those that are on record
    std::vector<Floor> floors{};          // what there must be at least

    [[nodiscard]] Record const& part(std::string_view name) const;  // an empty one where there is none
};
[[nodiscard]] Records read_records(Path const& root);
void write_record(Path const& root, std::string_view part, Record const& record);

}  // namespace antler::cli
