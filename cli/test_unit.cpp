// The stage of GoogleTest programs: every test in them is counted for itself.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "cli/test_stage.hpp"

namespace antler::cli {
namespace {

constexpr int program_limit_seconds = 600;
constexpr int long_limit_seconds = 12 * 3600;

// GoogleTest's own report does not say why a test was skipped; what it printed does.
std::string skip_reason(std::string const& log, std::string const& name) {
    auto const end = log.find("[  SKIPPED ] " + name);
    auto const begin = log.rfind(": Skipped\n", end);
    if (end == std::string::npos || begin == std::string::npos) return "it did not say why";
    auto reason = log.substr(begin + 10, end - begin - 10);
    std::ranges::replace(reason, '\n', ' ');
    while (reason.ends_with(' ')) reason.pop_back();
    return reason.empty() ? "it did not say why" : reason;
}

std::vector<std::string> words_of(std::string const& text) {
    std::istringstream in{text};
    return {std::istream_iterator<std::string>{in}, {}};
}

std::string first_line(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    return text.substr(0, 400);
}

TestResult result_of(nlohmann::json const& test, std::string const& program, std::string const& log) {
    auto const name = fmt::format("{}.{}", test.value("classname", ""), test.value("name", ""));
    TestResult result{.name = program + " " + name, .rules = {}};
    auto const time = test.value("time", "0s");
    result.seconds = std::strtod(time.c_str(), nullptr);
    if (test.contains("rules") && test["rules"].is_string())
        result.rules = words_of(test["rules"].get<std::string>());
    if (test.contains("amount") && test["amount"].is_string())
        result.count = {std::strtoull(test["amount"].get<std::string>().c_str(), nullptr, 10),
                        test.value("of", "steps")};
    if (test.contains("failures")) {
        result.outcome = Outcome::failed;
        result.reason = first_line(test["failures"].front().value("failure", ""));
    } else if (test.value("result", "") == "SKIPPED") {
        result.outcome = Outcome::skipped;
        result.reason = skip_reason(log, name);
    }
    return result;
}

// A program that died wrote no report: what passed before is known, and the last that began is the culprit.
void add_from_log(TestReport& report, TestResult program, std::string const& log) {
    static std::regex const line{R"(\[ (RUN     |      OK) \] (\S+))"};
    std::string running;
    for (std::sregex_iterator at{log.begin(), log.end(), line}, end; at != end; ++at) {
        if ((*at)[1].str() == "RUN     ")
            running = (*at)[2];
        else
            report.add({.name = program.name + " " + (*at)[2].str(), .rules = {}});
    }
    program.outcome = Outcome::failed;
    if (program.reason.empty()) program.reason = "it wrote no report";
    if (!running.empty()) program.reason += " in " + running;
    report.add(std::move(program));
}

void run_program(Path const& program, std::string const& filter, bool long_form, TestReport& report) {
    auto const name = program.filename().string();
    auto const json_file = log_folder() / (name + ".json");
    std::filesystem::remove(json_file);
    std::vector<std::string> words{program.string(), "--gtest_output=json:" + json_file.string(),
                                   "--gtest_brief=0", "--gtest_color=no"};
    if (long_form) words.insert(words.begin(), {find_program("env").string(), "ANTLER_LONG=1"});
    if (name.find(filter) == std::string::npos) words.push_back("--gtest_filter=*" + filter + "*");
    auto end = run_logged(name, words, long_form ? long_limit_seconds : program_limit_seconds);
    std::ifstream log_in{end.log};
    std::string const log{std::istreambuf_iterator<char>{log_in}, {}};
    std::ifstream in{json_file};
    auto const parsed = nlohmann::json::parse(in, nullptr, false);
    if (parsed.is_discarded()) return add_from_log(report, std::move(end), log);

    usize tests = 0;
    bool failed = false;
    for (auto const& suite : parsed.value("testsuites", nlohmann::json::array()))
        for (auto const& test : suite.value("testsuite", nlohmann::json::array())) {
            if (test.value("status", "") == "NOTRUN") continue;
            auto result = result_of(test, name, log);
            // The end of the log is about another test.
            if (result.outcome == Outcome::failed) {
                failed = true;
                result.reason += "; see " + end.log.string();
            }
            report.add(std::move(result));
            ++tests;
        }
    // A leak is found after the last test.
    if (end.outcome == Outcome::failed && !failed) return report.add(std::move(end));
    if (tests != 0) report.say(fmt::format("{} ran {} tests in {:.1f} s", name, tests, end.seconds));
}

}  // namespace

TestStage unit_stage(TestOptions const& options) {
    TestStage stage{.name = "unit",
                    .sentence = "units and models, on the host under ASan and UBSan",
                    .budget_seconds = 4 * 60};
    std::vector<Path> programs;
    std::error_code none;
    for (auto const& entry : std::filesystem::directory_iterator{build_directory() / "check", none}) {
        auto const name = entry.path().filename().string();
        if (entry.path().has_extension() || !entry.is_regular_file()) continue;
        if (name.starts_with("unit-") || name.starts_with("model-")) programs.push_back(entry.path());
    }
    // Long forms of models are many steps, and the short ones have run under ASan and UBSan.
    if (options.long_form)
        for (auto& program : programs)
            if (auto fast = build_directory() / "long" / program.filename();
                program.filename().string().starts_with("model-") && std::filesystem::exists(fast, none))
                program = std::move(fast);
    // Models take longest, so they begin first.
    std::ranges::sort(programs);
    for (auto const& program : programs)
        stage.tasks.push_back(
            {.name = program.filename().string(),
             .run = [program, filter = options.filter, long_form = options.long_form](TestReport& report) {
                 run_program(program, filter, long_form, report);
             }});
    add_spin_tasks(stage, options);
    return stage;
}

}  // namespace antler::cli
