// Lines and branches that ran.
#include "cli/coverage_lines.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "cli/spelling.hpp"

namespace antler::cli {
namespace {

u32 number(std::string_view text) {
    u32 value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

// From the tree's root, or empty where it lies elsewhere.
std::string from_root(std::string_view file, std::string const& root) {
    if (!file.starts_with(root) || file.size() <= root.size()) return {};
    return Path{file.substr(root.size() + 1)}.lexically_normal().string();
}

bool overlaps(Ranges const& ranges, u64 at) {
    auto const behind = ranges.upper_bound(at);
    return behind != ranges.begin() && at < std::prev(behind)->second;
}

}  // namespace

u32 CoveredFile::run() const {
    return static_cast<u32>(std::ranges::count_if(lines, [](auto const& line) { return line.second; }));
}

u32 CoveredFile::taken() const {
    return static_cast<u32>(std::ranges::count_if(branches, [](auto const& one) { return one.second; }));
}

std::string covered_folder(std::string_view file) {
    for (std::string_view const folder : {"isa/", "abi/", "base/"})
        if (file.starts_with(folder)) return std::string{folder.substr(0, folder.size() - 1)};
    constexpr std::string_view ours = "hypervisor/";
    if (!file.starts_with(ours)) return {};
    return std::string{file.substr(0, file.find('/', ours.size()))};
}

void add_lcov(std::string_view text, std::string const& root, CoveredFiles& files) {
    CoveredFile* file = nullptr;
    for (auto const line : split_words(text, '\n')) {
        auto const colon = line.find(':');
        auto const what = line.substr(0, colon);
        auto const rest = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
        if (what == "SF") {
            auto const name = from_root(rest, root);
            file = covered_folder(name).empty() ? nullptr : &files[name];
        } else if (file == nullptr) {
            continue;
        } else if (what == "DA") {
            auto const comma = rest.find(',');
            auto const count = rest.substr(comma + 1);
            auto& ran = file->lines[number(rest.substr(0, comma))];
            ran = ran || (count != "0" && !count.empty());
        } else if (what == "BRDA") {
            auto const words = split_words(rest, ',');
            if (words.size() != 4) continue;
            auto& taken = file->branches[{number(words[0]), number(words[1]), number(words[2])}];
            taken = taken || (words[3] != "0" && words[3] != "-");
        }
    }
}

void add_blocks(std::string_view log, Ranges& executed) {
    for (auto const line : split_words(log, '\n')) {
        unsigned long long from = 0, bytes = 0;
        if (std::sscanf(std::string{line}.c_str(), "block %llu %llu", &from, &bytes) != 2) continue;
        auto& end = executed[from];
        end = std::max<u64>(end, from + bytes);
    }
}

CoveredFiles parse_listing(std::string_view listing, Ranges const& executed, std::string const& root) {
    // Blocks that begin within another one reach further.
    Ranges joined;
    for (auto const& [from, to] : executed) {
        if (!joined.empty() && from <= joined.rbegin()->second)
            joined.rbegin()->second = std::max(joined.rbegin()->second, to);
        else
            joined[from] = to;
    }
    CoveredFiles files;
    CoveredFile* file = nullptr;
    u32 at_line = 0;
    for (auto const line : split_words(listing, '\n')) {
        if (line.starts_with("; ")) {
            auto const colon = line.rfind(':');
            if (line.ends_with("():") || colon == std::string_view::npos) continue;
            auto name = from_root(line.substr(2, colon - 2), root);
            // A cache of the compiler may have it from another copy of the tree.
            constexpr std::string_view ours = "/hypervisor/";
            if (auto const at = line.rfind(ours); name.empty() && at != std::string_view::npos)
                name = line.substr(at + 1, colon - at - 1);
            at_line = number(line.substr(colon + 1));
            file = covered_folder(name).empty() || at_line == 0 ? nullptr : &files[name];
            continue;
        }
        auto const first = line.find_first_not_of(' ');
        auto const colon = line.find(':');
        if (line.ends_with(">:")) file = nullptr;  // another function
        if (file == nullptr || first == 0 || colon == std::string_view::npos) continue;
        u64 offset = 0;
        auto const end = line.data() + colon;
        if (std::from_chars(line.data() + first, end, offset, 16).ptr != end) continue;
        auto& ran = file->lines[at_line];
        ran = ran || overlaps(joined, offset);
    }
    return files;
}

void merge(CoveredFiles& host, CoveredFiles const& target) {
    for (auto const& [name, file] : target) {
        auto const known = host.find(name);
        if (known == host.end()) {
            host[name] = file;
            continue;
        }
        for (auto const& [line, ran] : file.lines)
            if (auto const here = known->second.lines.find(line); here != known->second.lines.end())
                here->second = here->second || ran;
    }
}

std::vector<FolderCoverage> by_folder(CoveredFiles const& files) {
    std::map<std::string, FolderCoverage> folders;
    for (auto const& [name, file] : files) {
        auto& folder = folders[covered_folder(name)];
        folder.folder = covered_folder(name);
        folder.lines += file.count();
        folder.lines_run += file.run();
        folder.branches += static_cast<u32>(file.branches.size());
        folder.branches_taken += file.taken();
    }
    std::vector<FolderCoverage> found;
    for (auto const& [name, folder] : folders) found.push_back(folder);
    return found;
}

FolderCoverage whole(std::vector<FolderCoverage> const& folders) {
    FolderCoverage sum{.folder = "all"};
    for (auto const& folder : folders) {
        sum.lines += folder.lines;
        sum.lines_run += folder.lines_run;
        sum.branches += folder.branches;
        sum.branches_taken += folder.branches_taken;
    }
    return sum;
}

double percent_of(u32 part, u32 all) {
    return all == 0 ? 0 : 100.0 * part / all;
}

}  // namespace antler::cli
