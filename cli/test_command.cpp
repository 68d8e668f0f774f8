// `antler test`.
#include "cli/test_command.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <thread>

#include "cli/child_process.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/long_forms.hpp"
#include "cli/norm_coverage.hpp"
#include "cli/private_instances.hpp"
#include "cli/spelling.hpp"
#include "cli/test_ending.hpp"
#include "cli/test_stage.hpp"

namespace antler::cli {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

struct StageMaker {
    std::string_view name;
    TestStage (*make)(TestOptions const&);
};
constexpr std::array stage_makers{
    StageMaker{"static", static_stage}, StageMaker{"unit", unit_stage},   StageMaker{"fuzz", fuzz_stage},
    StageMaker{"system", system_stage}, StageMaker{"bench", bench_stage},
};

void check_stages(std::vector<std::string> const& wanted) {
    std::vector<std::string_view> names;
    for (auto const& maker : stage_makers) names.push_back(maker.name);
    for (auto const& stage : wanted) {
        if (std::ranges::find(names, stage) != names.end()) continue;
        throw Failure{ExitCode::bad_input,
                      fmt::format("There is no stage `{}`{}", stage, suggestion(stage, names, "there are"))};
    }
}

// A task must not end the program: what it throws is its failure.
void run_guarded(TestTask const& task, TestReport& report) {
    try {
        task.run(report);
    } catch (std::exception const& failure) {
        report.add({.name = task.name, .outcome = Outcome::failed, .reason = failure.what(), .rules = {}});
    }
}

// Side by side, but for those that want to be alone, which come last.
void run_tasks(std::vector<TestTask> const& tasks, unsigned jobs, TestReport& report,
               EndingWatch const& ending) {
    std::atomic<usize> next = 0;
    {
        std::vector<std::jthread> workers;
        for (unsigned i = 0; i < jobs; ++i)
            workers.emplace_back([&] {
                for (usize at = next++; at < tasks.size() && !ending.is_ending(); at = next++)
                    if (!tasks[at].alone) run_guarded(tasks[at], report);
            });
    }
    for (auto const& task : tasks)
        if (task.alone && !ending.is_ending()) run_guarded(task, report);
}

void run_stage(TestStage const& stage, TestOptions const& options, TestReport& report,
               EndingWatch const& ending) {
    if (stage.tasks.empty()) return;
    if (options.list) {
        for (auto const& task : stage.tasks) fmt::print("{} {}\n", stage.name, task.name);
        return;
    }
    auto const start = Clock::now();
    report.begin_stage(stage.name, stage.sentence, stage.budget_seconds);
    run_tasks(stage.tasks, options.jobs, report, ending);
    report.end_stage(seconds_since(start));
}

}  // namespace

std::string end_of_process(int status) {
    if (WIFSIGNALED(status))
        return fmt::format("signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
    return fmt::format("exit code {}", WEXITSTATUS(status));
}

Path log_folder() {
    auto const folder = build_directory() / "test-logs";
    std::filesystem::create_directories(folder);
    return folder;
}

Path log_file(std::string const& test_name) {
    std::string name;
    for (char const c : test_name) name += std::isalnum(static_cast<u8>(c)) || c == '-' || c == '.' ? c : '_';
    return log_folder() / (name + ".log");
}

TestResult run_logged(std::string const& name, std::vector<std::string> const& words, int limit_seconds) {
    auto const start = Clock::now();
    auto const captured = capture(words, std::chrono::seconds{limit_seconds});
    TestResult result{.name = name, .seconds = seconds_since(start), .log = log_file(name), .rules = {}};
    write_file(result.log, as_bytes(captured.output));
    if (captured.succeeded()) return result;
    result.outcome = Outcome::failed;
    result.reason = captured.timed_out ? fmt::format("still running after {} s", limit_seconds)
                                       : fmt::format("ended with {}", end_of_process(captured.status));
    return result;
}

int run_tests(TestOptions const& given) {
    check_stages(given.stages);
    auto options = given;
    if (options.jobs == 0) options.jobs = std::clamp(std::thread::hardware_concurrency(), 1u, 8u);
    auto const start = Clock::now();
    PrivateInstances const machines_of_this_run;
    EndingWatch const ending;
    // The long form takes what it takes.
    TestReport report{options.json ? stderr : stdout, options.long_form
                                                          ? std::numeric_limits<double>::infinity()
                                                          : TestReport::usual_reserve};
    if (char const* const prepared = std::getenv("ANTLER_PREPARED_SECONDS"); prepared && !options.list)
        report.note_build(std::strtod(prepared, nullptr));

    for (auto const& maker : stage_makers) {
        bool const wanted =
            options.stages.empty() || std::ranges::find(options.stages, maker.name) != options.stages.end();
        if (wanted && !ending.is_ending()) run_stage(maker.make(options), options, report, ending);
    }
    if (options.list) return 0;
    auto const rules = rules_of_chapter(root_directory(), proven_chapter);
    if (options.json) fmt::print("{}", report.json(rules));
    if (options.long_form) keep_long_forms(root_directory() / "docs" / "long.json", report.results());
    report.print_failures();
    if (options.stages.empty() && options.filter.empty())
        fmt::print(options.json ? stderr : stdout,
                   "norms: tests that passed prove {} of the {} rules of the hypervisor chapter\n",
                   report.proved(rules), rules.size());
    fmt::print(options.json ? stderr : stdout, "all in {:.0f} s\n{}\n", seconds_since(start),
               report.last_line());
    // A filter that finds nothing is a slip, not a success.
    bool const nothing = report.count(Outcome::passed) + report.count(Outcome::failed) == 0;
    bool const good = report.count(Outcome::failed) == 0 && !nothing;
    return static_cast<int>(good ? ExitCode::success : ExitCode::internal);
}

}  // namespace antler::cli
