// Which lines and branches of the hypervisor ran: read from what llvm-cov and llvm-objdump print, and merged.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.hpp"
#include "cli/places.hpp"

namespace antler::cli {

struct CoveredFile {
    std::map<u32, bool> lines{};  // that hold code, and whether they ran
    // Directions of conditions, by line, place and direction, and whether they were taken.
    std::map<std::array<u32, 3>, bool> branches{};

    [[nodiscard]] u32 count() const { return static_cast<u32>(lines.size()); }
    [[nodiscard]] u32 run() const;
    [[nodiscard]] u32 taken() const;
};
// By the path from the tree's root.
using CoveredFiles = std::map<std::string, CoveredFile>;

// Is it code of the hypervisor, and in which folder: "hypervisor/vm", "isa"; empty for all else.
[[nodiscard]] std::string covered_folder(std::string_view file);

// `llvm-cov export --format=lcov` of one program, added to what others ran.
void add_lcov(std::string_view text, std::string const& root, CoveredFiles& files);

// Bytes of the image that ran: `block OFFSET BYTES`, of bench/plugin/executed.cpp.
using Ranges = std::map<u64, u64>;  // from, to
void add_blocks(std::string_view log, Ranges& executed);

// `llvm-objdump -d -l` of the image: each instruction under the line it comes from.
[[nodiscard]] CoveredFiles parse_listing(std::string_view listing, Ranges const& executed,
                                         std::string const& root);

// A line ran if it ran on either; the target's lines alone count where the host compiles nothing of a file.
void merge(CoveredFiles& host, CoveredFiles const& target);

struct FolderCoverage {
    std::string folder{};
    u32 lines = 0, lines_run = 0, branches = 0, branches_taken = 0;
};
[[nodiscard]] std::vector<FolderCoverage> by_folder(CoveredFiles const& files);
[[nodiscard]] FolderCoverage whole(std::vector<FolderCoverage> const& folders);

[[nodiscard]] double percent_of(u32 part, u32 all);

}  // namespace antler::cli
