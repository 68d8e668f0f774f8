// Reads docs/promises.toml, looks for the tests that it names, and writes docs/promises.md.
#include "cli/promises.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>

#include "cli/failure.hpp"

namespace antler::cli {
namespace {

template <class Each>
void for_each_line(Path const& file, Each&& each) {
    std::ifstream in{file};
    for (std::string line; std::getline(in, line);) each(std::string_view{line});
}

// TEST(Suite, Name) is Suite.Name.
std::string unit_name(std::string_view line) {
    auto const words = line.substr(line.find('(') + 1);
    auto const comma = words.find(',');
    auto name = words.substr(std::min(words.find_first_not_of(" ", comma + 1), words.size()));
    name = name.substr(0, name.find_first_of(",) "));
    return std::string{words.substr(0, comma)} + "." + std::string{name};
}

std::vector<Path> files_below(Path const& folder, std::string_view ending) {
    std::vector<Path> found;
    for (auto const& entry : std::filesystem::recursive_directory_iterator{folder})
        if (entry.path().extension() == ending) found.push_back(entry.path());
    std::ranges::sort(found);
    return found;
}

// A whole suite is named by its name alone.
bool has(std::vector<std::string> const& names, std::string const& wanted) {
    return std::ranges::any_of(names, [&](std::string const& name) {
        return name == wanted || (name.starts_with(wanted) && name[wanted.size()] == '.');
    });
}

struct Proofs {
    std::string_view key;
    std::string_view shown;
    std::vector<std::string> const* names;
};

[[noreturn]] void refuse(std::string const& sentence) {
    throw Failure{ExitCode::bad_input, "docs/promises.toml: " + sentence};
}

std::string proofs_of(toml::table const& promise, Proofs const& kind, std::string const& text) {
    std::string line;
    auto const* const list = promise[kind.key].as_array();
    if (list == nullptr) return line;
    for (auto const& node : *list) {
        auto const name = node.value_or<std::string>("");
        if (!has(*kind.names, name))
            refuse(fmt::format("there is no {} `{}`, which «{}» names", kind.shown, name, text));
        line += fmt::format("{}`{}`", line.empty() ? "" : ", ", name);
    }
    return line.empty() ? line : fmt::format("  {}: {}\n", kind.shown, line);
}

std::string promise_line(toml::table const& promise, TestNames const& names, int number) {
    auto const text = promise["text"].value_or<std::string>("");
    std::string proofs;
    for (auto const& kind :
         {Proofs{"unit", "unit test", &names.unit}, Proofs{"system", "scenario", &names.system},
          Proofs{"fuzz", "fuzzer", &names.fuzz}})
        proofs += proofs_of(promise, kind, text);
    if (text.empty() || proofs.empty()) refuse(fmt::format("promise {} has no text or no test", number));
    return fmt::format("- **{}.** … {}.\n{}", number, text, proofs);
}

constexpr std::string_view introduction = R"(# Promises

<!-- Made by `antler check --promises-markdown` from docs/promises.toml; change that, not this file. -->

Each promise has a number, and tests that try to break it: unit tests and models (`./antler test --stage unit`),
scenarios (`--stage system`) and fuzzers (`--stage fuzz`). [threat-model.md](threat-model.md) says whom they are
against.
)";

}  // namespace

TestNames test_names(Path const& root) {
    TestNames names;
    for (auto const* folder : {"tests/unit", "tests/model"})
        for (auto const& file : files_below(root / folder, ".cpp"))
            for_each_line(file, [&](std::string_view line) {
                for (auto const& start :
                     {"TEST(", "TEST_F(", "TEST_P(", "RC_GTEST_PROP(", "RC_GTEST_FIXTURE_PROP("})
                    if (line.starts_with(start)) names.unit.push_back(unit_name(line));
            });
    for (auto const& file : files_below(root / "tests/system", ".toml"))
        for_each_line(file, [&](std::string_view line) {
            constexpr std::string_view start = "[scenario.";
            if (line.starts_with(start) && line.ends_with(']'))
                names.system.emplace_back(line.substr(start.size(), line.size() - start.size() - 1));
        });
    for (auto const& file : files_below(root / "tests/fuzz", ".cpp"))
        names.fuzz.push_back(file.stem().string());
    return names;
}

std::string promises_markdown(Path const& root) {
    auto const names = test_names(root);
    auto const data = toml::parse_file((root / "docs/promises.toml").string());
    std::string page{introduction};
    auto const* const groups = data["group"].as_array();
    if (groups == nullptr) refuse("there are no groups");
    int number = 0;
    for (auto const& node : *groups) {
        auto const& group = *node.as_table();
        page += fmt::format("\n## {}\n\n", group["title"].value_or<std::string>(""));
        if (auto const* const promises = group["promise"].as_array())
            for (auto const& promise : *promises) page += promise_line(*promise.as_table(), names, ++number);
        if (auto const* const assumptions = group["assumption"].as_array())
            for (auto const& assumption : *assumptions)
                page += fmt::format("- {}\n", (*assumption.as_table())["text"].value_or<std::string>(""));
        if (auto const* const figures = group["figure"].as_array()) {
            page += "| what | how much | what it found |\n|---|---|---|\n";
            for (auto const& figure : *figures) {
                auto const& row = *figure.as_table();
                page += fmt::format("| {} | {} | {} |\n", row["what"].value_or<std::string>(""),
                                    row["much"].value_or<std::string>(""),
                                    row["found"].value_or<std::string>(""));
            }
        }
    }
    return page;
}

int promises_command() {
    fmt::print("{}", promises_markdown(root_directory()));
    return static_cast<int>(ExitCode::success);
}

}  // namespace antler::cli
