// Rules of the manual and the tests that prove them.
#include "cli/norm_coverage.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "base/types.hpp"
#include "cli/failure.hpp"
#include "cli/test_sources.hpp"

namespace antler::cli {
namespace {

constexpr std::string_view prefix = "norm:";
constexpr usize least_percent = 80;

[[noreturn]] void refuse(std::string const& sentence) {
    throw Failure{ExitCode::bad_input, "docs/norm-coverage.toml: " + sentence};
}

bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// Every rule that a line names.
template <class Each>
void for_each_rule(std::string_view line, Each&& each) {
    for (auto at = line.find(prefix); at != std::string_view::npos; at = line.find(prefix, at + 1)) {
        auto end = at + prefix.size();
        while (end < line.size() && is_name(line[end])) ++end;
        each(std::string{line.substr(at, end - at)});
    }
}

// Declared as a property of the test, which may go over several lines; comments declare nothing.
void add_unit_tests(Path const& file, Proofs& proofs) {
    std::string test;
    bool declares = false;
    for_each_line(file, [&](std::string_view line) {
        if (auto name = unit_test_in(line); !name.empty()) test = std::move(name);
        if (line.find("RecordProperty(") != std::string_view::npos) declares = true;
        if (!declares) return;
        for_each_rule(line, [&](std::string rule) { proofs[std::move(rule)].push_back(test); });
        if (line.ends_with(';')) declares = false;
    });
}

void add_scenarios(Path const& file, Proofs& proofs) {
    std::string scenario;
    bool declares = false;
    for_each_line(file, [&](std::string_view line) {
        if (auto name = scenario_in(line); !name.empty()) scenario = std::move(name);
        if (line.starts_with("rules = [")) declares = true;
        if (!declares) return;
        for_each_rule(line, [&](std::string rule) { proofs[std::move(rule)].push_back(scenario); });
        if (line.ends_with(']')) declares = false;
    });
}

struct Reason {
    std::string why{};
    std::vector<std::string> rules{};
};

std::vector<Reason> read_reasons(Path const& root) {
    std::vector<Reason> reasons;
    auto const data = toml::parse_file((root / "docs/norm-coverage.toml").string());
    if (auto const* const list = data["reason"].as_array())
        for (auto const& node : *list) {
            auto const& table = *node.as_table();
            Reason reason{.why = table["why"].value_or<std::string>("")};
            if (auto const* const rules = table["rules"].as_array())
                for (auto const& rule : *rules)
                    reason.rules.push_back(std::string{prefix} + rule.value_or<std::string>(""));
            reasons.push_back(std::move(reason));
        }
    return reasons;
}

constexpr std::string_view introduction = R"(# Norm coverage

<!-- Made by `antler check --norms-markdown` from the tests and docs/norm-coverage.toml; change those, not this file. -->

The manual's chapter "H" Extension for Hypervisor Support names its normative rules. A test that declares a rule
fails when what we make of it is broken: the code that states it, relies on it, or stands in for the hart. Tests of
units and models declare it as the property `rules`, scenarios by the key `rules`; `./antler test --json` tells both
with each test that was executed, and the end of `./antler test` says how many rules those that passed prove.
)";

}  // namespace

std::set<std::string> rules_of_chapter(Path const& root, std::string_view chapter) {
    std::set<std::string> rules;
    for_each_line(root / "docs/norm-rules.txt", [&](std::string_view line) {
        auto const space = line.find(' ');
        if (!line.starts_with('#') && space != std::string_view::npos && line.substr(space + 1) == chapter)
            rules.emplace(line.substr(0, space));
    });
    return rules;
}

Proofs declared_proofs(Path const& root) {
    Proofs proofs;
    for (auto const* folder : {"tests/unit", "tests/model"})
        for (auto const& file : files_below(root / folder, ".cpp")) add_unit_tests(file, proofs);
    for (auto const& file : files_below(root / "tests/system", ".toml")) add_scenarios(file, proofs);
    return proofs;
}

std::string norm_coverage_markdown(Path const& root) {
    auto open = rules_of_chapter(root, proven_chapter);
    auto const all = open.size();
    std::string table = "\n## Proved\n\n| rule | by |\n|---|---|\n";
    for (auto const& [rule, tests] : declared_proofs(root)) {
        if (open.erase(rule) == 0) continue;  // of another chapter
        std::string by;
        for (auto const& test : tests)
            if (by.find("`" + test + "`") == std::string::npos)
                by += fmt::format("{}`{}`", by.empty() ? "" : ", ", test);
        table += fmt::format("| {} | {} |\n", rule.substr(prefix.size()), by);
    }
    auto const proved = all - open.size();
    std::string rest = "\n## Not proved\n\n";
    for (auto const& reason : read_reasons(root)) {
        if (reason.why.empty()) refuse("a reason says nothing");
        std::string names;
        for (auto const& rule : reason.rules) {
            if (open.erase(rule) == 0)
                refuse(fmt::format("{} is proved by a test, has two reasons or is not of the chapter", rule));
            names += fmt::format("{}`{}`", names.empty() ? "" : ", ", rule.substr(prefix.size()));
        }
        rest += fmt::format("- {}: {}\n", reason.why, names);
    }
    if (!open.empty()) refuse(fmt::format("no test proves {}, and there is no reason", *open.begin()));
    if (proved * 100 < all * least_percent)
        refuse(fmt::format("tests prove {} of {} rules, less than {} %", proved, all, least_percent));
    return fmt::format("{}\n**{} of {} rules are proved ({} %).**\n", introduction, proved, all,
                       proved * 100 / all) +
           rest + table;
}

int norm_coverage_command() {
    fmt::print("{}", norm_coverage_markdown(root_directory()));
    return static_cast<int>(ExitCode::success);
}

}  // namespace antler::cli
