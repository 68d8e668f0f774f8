// Every rule of the manual that the tree names must exist, and a report says which of the hypervisor
// chapter's rules nobody names.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

struct Place {
    std::string file;
    unsigned line;
};

constexpr std::array folders{"base", "isa", "abi", "hypervisor", "cli", "guests", "tests", "bench", "docs"};
constexpr std::array kinds{".hpp"sv, ".cpp"sv, ".S"sv, ".h"sv, ".ld"sv, ".md"sv};

std::map<std::string, std::string> read_rules(fs::path const& list) {
    std::map<std::string, std::string> rules;  // name, chapter
    std::ifstream in{list};
    std::string name, chapter, line;
    while (std::getline(in, line)) {
        if (line.empty() || line.front() == '#') continue;
        auto const space = line.find(' ');
        rules[line.substr(0, space)] = space == std::string::npos ? "" : line.substr(space + 1);
    }
    return rules;
}

constexpr bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// Every rule name in one file, with the line it is on.
template <class Each>
void names_in(fs::path const& file, Each each) {
    std::ifstream in{file};
    std::string line;
    for (unsigned number = 1; std::getline(in, line); ++number) {
        for (auto at = line.find("norm:"); at != std::string::npos; at = line.find("norm:", at + 1)) {
            auto end = at + 5;
            while (end < line.size() && is_name(line[end])) ++end;
            if (end > at + 5) each(line.substr(at, end - at), number);
        }
    }
}

template <class Each>
void files_of_the_tree(Each each) {
    fs::path const root{ANTLER_SOURCE_DIR};
    for (auto const* const folder : folders) {
        if (!fs::exists(root / folder)) continue;
        for (auto const& entry : fs::recursive_directory_iterator{root / folder}) {
            if (!entry.is_regular_file()) continue;
            auto const extension = entry.path().extension().string();
            if (std::find(kinds.begin(), kinds.end(), extension) != kinds.end())
                each(entry.path(), fs::relative(entry.path(), root).string());
        }
    }
}

double percent(std::size_t part, std::size_t whole) {
    return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

TEST(Citations, NameOnlyRulesThatTheManualHas) {
    auto const rules = read_rules(fs::path{ANTLER_SOURCE_DIR} / "docs/norm-rules.txt");
    ASSERT_GT(rules.size(), 2900u) << "docs/norm-rules.txt is not there or not whole";

    std::set<std::string> cited, tested;
    files_of_the_tree([&](fs::path const& path, std::string const& shown) {
        bool const is_test = shown.starts_with("tests/");
        names_in(path, [&](std::string const& name, unsigned line) {
            EXPECT_TRUE(rules.contains(name)) << shown << ":" << line << ": the manual has no rule " << name;
            (is_test ? tested : cited).insert(name);
        });
    });

    std::vector<std::string> chapter;
    for (auto const& [name, where] : rules)
        if (where == "hypervisor") chapter.push_back(name);
    std::size_t cited_here = 0, tested_here = 0, either = 0;
    std::vector<std::string> nobody, untested;
    for (auto const& name : chapter) {
        cited_here += cited.contains(name);
        tested_here += tested.contains(name);
        either += cited.contains(name) || tested.contains(name);
        if (!cited.contains(name) && !tested.contains(name))
            nobody.push_back(name);
        else if (!tested.contains(name))
            untested.push_back(name);
    }
    std::printf(
        "hypervisor chapter: %zu rules; files cite %zu (%.0f %%), tests name %zu (%.0f %%), either %zu (%.0f "
        "%%)\n",
        chapter.size(), cited_here, percent(cited_here, chapter.size()), tested_here,
        percent(tested_here, chapter.size()), either, percent(either, chapter.size()));
    std::printf("cited, but no test names it (%zu):\n", untested.size());
    for (auto const& name : untested) std::printf("  %s\n", name.c_str());
    std::printf("neither cited nor named by a test (%zu):\n", nobody.size());
    for (auto const& name : nobody) std::printf("  %s\n", name.c_str());
    RecordProperty("hypervisor_rules_cited", static_cast<int>(cited_here));
    RecordProperty("hypervisor_rules_tested", static_cast<int>(tested_here));
}

TEST(Citations, AreFoundWhereverTheyStand) {
    auto const file = fs::temp_directory_path() / "antler-citations-test.hpp";
    std::ofstream{file} << "// first [norm:" << "one_two] and norm:" << "three.\n\n// [norm:"
                        << "] [norm:…]\n\"norm:"
                        << "four-five norm:" << "six\"";
    std::vector<std::string> found;
    unsigned last = 0;
    names_in(file, [&](std::string name, unsigned line) { found.push_back(name.substr(5)), last = line; });
    fs::remove(file);
    EXPECT_EQ(found, (std::vector<std::string>{"one_two", "three", "four-five", "six"}));
    EXPECT_EQ(last, 4u);
}

}  // namespace
