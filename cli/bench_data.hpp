// What was measured: figures by row and system, kept in files, compared, and shown.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/places.hpp"

namespace antler::cli {

// What times by the clock on the wall say: the median is the figure, and these are the ends.
struct Spread {
    double least = 0, most = 0;
    friend bool operator==(Spread const&, Spread const&) = default;
};

// Instructions, or nanoseconds of virtual time, which under -icount shift=0 are the same.
struct Figure {
    std::string row;
    std::string system;
    double instructions = 0;  // with a spread: milliseconds, or a ratio
    std::optional<Spread> spread{};
    friend bool operator==(Figure const&, Figure const&) = default;
};
using Figures = std::vector<Figure>;

struct BenchRow {
    std::string_view name;
    std::string_view what;       // a row's words in the table
    std::optional<double> goal;  // no more than this
    // Milliseconds by the clock on the wall, which differ from run to run: only the goal counts, and to miss
    // it is a failure.
    bool wall_clock = false;
    // A check has little time: rows that differ from others in what is switched besides, or that others
    // consist of, are measured for the record.
    bool checked = true;
};
[[nodiscard]] std::span<BenchRow const> bench_rows();
[[nodiscard]] bool is_wall_clock(std::string_view row);
[[nodiscard]] std::vector<std::string> checked_rows();

// A row that a goal measures against the same row of the machine without a hypervisor.
inline constexpr double linux_boot_goal = 1.01;

inline constexpr std::string_view ours = "antler";
inline constexpr std::string_view native = "native";

// No name stands for all of them.
[[nodiscard]] bool is_wanted(std::span<std::string const> names, std::string_view name);

[[nodiscard]] std::optional<double> find(Figures const& figures, std::string_view row,
                                         std::string_view system);

// One file of bench/: the figures and how they came about.
struct Record {
    std::map<std::string, std::string> circumstances;  // command, versions of QEMU, firmware and kernel …
    Figures figures;
};
[[nodiscard]] Record parse_record(std::string_view json, Path const& name);
[[nodiscard]] Record read_record(Path const& file);  // throws Failure
[[nodiscard]] std::string to_json(Record const& record);
[[nodiscard]] std::string to_json(Figures const& figures);
[[nodiscard]] std::string to_csv(Figures const& figures);

// A guest says `bench ROW INSTRUCTIONS`.
[[nodiscard]] Figures parse_guest_output(std::string_view console, std::string_view system);

// What got worse by more than the tolerance, in sentences.
inline constexpr double tolerance = 0.03;
// Linux waits for entropy, so its boot differs by 3 % between seeds of one and the same build, in either
// direction.
inline constexpr double boot_tolerance = 0.06;
[[nodiscard]] std::vector<std::string> regressions(Figures const& before, Figures const& now);
// What misses its goal, in sentences.
[[nodiscard]] std::vector<std::string> missed_goals(Figures const& now);

// Whole numbers in groups of three; a fraction only where it is most of what there is to say.
[[nodiscard]] std::string shown(double value);

// Rows down, systems across.
[[nodiscard]] std::vector<std::string> systems_of(Figures const& figures);
[[nodiscard]] std::string text_table(Figures const& figures, std::vector<std::string> const& systems);
[[nodiscard]] std::string markdown_table(Figures const& figures, std::vector<std::string> const& systems);

}  // namespace antler::cli
