// What came of the tests.
#include "cli/test_result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <nlohmann/json.hpp>

namespace antler::cli {
namespace {

constexpr usize tail_lines = 25;
constexpr usize longest_line = 300;

char const* word(Outcome outcome) {
    switch (outcome) {
        case Outcome::passed: return "passed";
        case Outcome::failed: return "failed";
        case Outcome::skipped: return "skipped";
    }
    return "";
}

// What terminals would obey has no place in a report.
std::string printable(std::string text) {
    std::erase_if(text, [](char c) { return static_cast<u8>(c) < ' ' && c != '\t'; });
    if (text.size() > longest_line) text.resize(longest_line);
    return text;
}

}  // namespace

std::string tail_of(Path const& file, usize lines) {
    std::ifstream in{file};
    std::deque<std::string> last;
    for (std::string line; std::getline(in, line);) {
        last.push_back(printable(std::move(line)));
        if (last.size() > lines) last.pop_front();
    }
    std::string text;
    for (auto const& line : last) text += "    | " + line + "\n";
    return text;
}

void TestReport::begin_stage(std::string const& name, std::string const& sentence, int budget_seconds) {
    std::scoped_lock const held{mutex_};
    stage_ = name;
    budget_ = budget_seconds;
    fmt::print(out_, "{}: {} (at most {} min)\n", name, sentence, (budget_seconds + 59) / 60);
    std::fflush(out_);
}

void TestReport::add(TestResult result) {
    std::scoped_lock const held{mutex_};
    result.stage = stage_;
    if (result.outcome != Outcome::passed) {
        fmt::print(out_, "  {} {}: {}\n", word(result.outcome), result.name, result.reason);
        if (result.outcome == Outcome::failed && !result.log.empty())
            fmt::print(out_, "{}    | see {}\n", tail_of(result.log, tail_lines), result.log.string());
        std::fflush(out_);
    }
    results_.push_back(std::move(result));
}

void TestReport::say(std::string const& line) {
    std::scoped_lock const held{mutex_};
    fmt::print(out_, "  {}\n", line);
    std::fflush(out_);
}

void TestReport::end_stage(double seconds) {
    std::scoped_lock const held{mutex_};
    auto const here = [&](Outcome outcome) {
        return std::ranges::count_if(
            results_, [&](TestResult const& r) { return r.stage == stage_ && r.outcome == outcome; });
    };
    fmt::print(out_, "{}: {} passed, {} failed, {} skipped in {:.0f} s{}\n", stage_, here(Outcome::passed),
               here(Outcome::failed), here(Outcome::skipped), seconds,
               seconds > budget_ ? ", longer than it should" : "");
    std::fflush(out_);
    pay(stage_, seconds, budget_);
}

void TestReport::note_build(double seconds) {
    constexpr int share = 8 * 60;
    std::scoped_lock const held{mutex_};
    fmt::print(out_, "build: {:.0f} s (at most {} min)\n", seconds, share / 60);
    pay("build", seconds, share);
}

void TestReport::pay(std::string const& stage, double seconds, int share) {
    auto const over = seconds - share;
    if (over <= 0) return;
    auto const had = reserve_;
    reserve_ -= over;
    if (reserve_ >= 0) return;
    results_.push_back(
        {.name = "time",
         .outcome = Outcome::failed,
         .seconds = seconds,
         .reason = fmt::format("it took {:.0f} s; its share is {} s, and {:.0f} s were left of "
                               "what all stages may take beyond theirs",
                               seconds, share, std::max(had, 0.0)),
         .rules = {},
         .stage = stage});
}

usize TestReport::count(Outcome outcome) const {
    return static_cast<usize>(std::ranges::count(results_, outcome, &TestResult::outcome));
}

usize TestReport::proved(std::set<std::string> const& rules) const {
    std::set<std::string> found;
    for (auto const& result : results_)
        if (result.outcome == Outcome::passed)
            for (auto const& rule : result.rules)
                if (rules.contains(rule)) found.insert(rule);
    return found.size();
}

std::string TestReport::last_line() const {
    return fmt::format("{} passed, {} failed, {} skipped", count(Outcome::passed), count(Outcome::failed),
                       count(Outcome::skipped));
}

void TestReport::print_failures() const {
    for (auto const& result : results_)
        if (result.outcome == Outcome::failed)
            fmt::print(out_, "failed: {} {}: {}\n", result.stage, result.name, result.reason);
}

std::string TestReport::json(std::set<std::string> const& rules) const {
    auto tests = nlohmann::json::array();
    for (auto const& result : results_) {
        nlohmann::json test{{"stage", result.stage},
                            {"name", result.name},
                            {"outcome", word(result.outcome)},
                            {"seconds", result.seconds}};
        if (!result.reason.empty()) test["reason"] = result.reason;
        if (!result.log.empty()) test["log"] = result.log.string();
        if (!result.rules.empty()) test["rules"] = result.rules;
        tests.push_back(std::move(test));
    }
    nlohmann::json const all{{"tests", tests},
                             {"passed", count(Outcome::passed)},
                             {"failed", count(Outcome::failed)},
                             {"skipped", count(Outcome::skipped)},
                             {"hypervisor_rules", {{"all", rules.size()}, {"proved", proved(rules)}}}};
    // A guest may have printed anything.
    return all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace antler::cli
