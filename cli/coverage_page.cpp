// The record of coverage, and its page.
#include "cli/coverage_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace antler::cli {
namespace {

constexpr usize worst_files = 20;

using Json = nlohmann::ordered_json;

Json as_json(std::vector<FolderCoverage> const& rows) {
    auto list = Json::array();
    for (auto const& row : rows)
        list.push_back({{"name", row.folder},
                        {"lines", row.lines},
                        {"lines_run", row.lines_run},
                        {"branches", row.branches},
                        {"branches_taken", row.branches_taken}});
    return list;
}

std::vector<FolderCoverage> from_json(Json const& list) {
    std::vector<FolderCoverage> rows;
    for (auto const& row : list)
        rows.push_back({.folder = row.value("name", ""),
                        .lines = row.value("lines", 0U),
                        .lines_run = row.value("lines_run", 0U),
                        .branches = row.value("branches", 0U),
                        .branches_taken = row.value("branches_taken", 0U)});
    return rows;
}

std::string line(FolderCoverage const& row) {
    return fmt::format(
        "| {} | {} | {:.1f} | {} |\n", row.folder, row.lines, percent_of(row.lines_run, row.lines),
        row.branches == 0 ? std::string{}
                          : fmt::format("{:.1f}", percent_of(row.branches_taken, row.branches)));
}

constexpr std::string_view introduction = R"(# Coverage

<!-- Made by `./antler coverage --save`: do not edit. -->

Lines of the hypervisor that hold code, and how many of a hundred the tests run; of its branches, both directions of
each condition count. `./antler coverage` builds units, models and fuzzers for the host with clang's counters, runs them
(the fuzzers over what they have learned) and prints this for each folder, `--files` for each file. With `--system` it
runs the scenarios too, and a plugin of QEMU (bench/plugin/executed.cpp) writes down what of the image they come to: that
is all there is to know of `boot/`, of the assembly and of what needs a board, which the host compiles nothing of, and it
knows no branches.

)";

}  // namespace

CoverageRecord coverage_record(CoveredFiles const& files) {
    CoverageRecord record{.folders = by_folder(files)};
    for (auto const& [name, file] : files)
        record.worst.push_back({.folder = name,
                                .lines = file.count(),
                                .lines_run = file.run(),
                                .branches = static_cast<u32>(file.branches.size()),
                                .branches_taken = file.taken()});
    std::ranges::sort(record.worst, [](auto const& a, auto const& b) {
        auto const left = a.lines - a.lines_run, other = b.lines - b.lines_run;
        return left != other ? left > other : a.folder < b.folder;
    });
    if (record.worst.size() > worst_files) record.worst.resize(worst_files);
    return record;
}

std::string to_json(CoverageRecord const& record) {
    Json const all{{"circumstances", record.circumstances},
                   {"folders", as_json(record.folders)},
                   {"worst", as_json(record.worst)}};
    return all.dump(2) + "\n";
}

CoverageRecord parse_coverage(std::string_view json) {
    auto const all = Json::parse(json);
    return {.circumstances = all.value("circumstances", std::map<std::string, std::string>{}),
            .folders = from_json(all.value("folders", Json::array())),
            .worst = from_json(all.value("worst", Json::array()))};
}

std::string coverage_table(std::vector<FolderCoverage> const& rows, std::string_view what) {
    auto text = fmt::format("| {} | lines | run, % | branches taken, % |\n|---|---:|---:|---:|\n", what);
    for (auto const& row : rows) text += line(row);
    return text;
}

std::string coverage_page(CoverageRecord const& record) {
    auto const all = whole(record.folders);
    std::string page{introduction};
    page += fmt::format("**{:.1f} % of {} lines ({:.0f} % are wanted), {:.1f} % of {} branches.**\n\n",
                        percent_of(all.lines_run, all.lines), all.lines, covered_lines_goal,
                        percent_of(all.branches_taken, all.branches), all.branches);
    page += coverage_table(record.folders, "folder");
    page += "\nFiles with most lines that did not run:\n\n" + coverage_table(record.worst, "file");
    page += "\nHow the figures came about:\n\n";
    for (auto const& [name, value] : record.circumstances) page += fmt::format("* {}: {}\n", name, value);
    return page;
}

}  // namespace antler::cli
