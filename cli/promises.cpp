// Reads docs/promises.toml, looks for the tests that it names, and writes docs/promises.md.
#include "cli/promises.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "cli/failure.hpp"
#include "cli/long_forms.hpp"
#include "cli/test_sources.hpp"

namespace antler::cli {
namespace {

// A whole suite is named by its name alone.
bool has(std::vector<std::string> const& names, std::string const& wanted) {
    return std::ranges::any_of(names, [&](std::string const& name) {
        return name == wanted || (name.starts_with(wanted) && name[wanted.size()] == '.');
    });
}

struct ProofKind {
    std::string_view key;
    std::string_view shown;
    std::vector<std::string> const* names;
};

[[noreturn]] void refuse(std::string const& sentence) {
    throw Failure{ExitCode::bad_input, "docs/promises.toml: " + sentence};
}

std::string proofs_of(toml::table const& promise, ProofKind const& kind, std::string const& text) {
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
         {ProofKind{"unit", "unit test", &names.unit}, ProofKind{"system", "scenario", &names.system},
          ProofKind{"fuzz", "fuzzer", &names.fuzz}})
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
                if (auto name = unit_test_in(line); !name.empty()) names.unit.push_back(std::move(name));
            });
    for (auto const& file : files_below(root / "tests/system", ".toml"))
        for_each_line(file, [&](std::string_view line) {
            if (auto name = scenario_in(line); !name.empty()) names.system.push_back(std::move(name));
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
        if (group["long"].value_or(false))
            page += "| what | how much | how long, when | what it found |\n|---|---|---|---|\n" +
                    long_forms_rows(root / "docs" / "long.json");
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
