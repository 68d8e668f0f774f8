// The stage of libFuzzer programs: short by default, and what they learn is kept in the build folder.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "cli/file.hpp"
#include "cli/test_stage.hpp"

namespace antler::cli {
namespace {

constexpr int budget_seconds = 5 * 60;

// So many inputs are enough for the long form.
constexpr int enough_inputs = 10'000'000;

// A number that the program said at its end, when it last ran; 0: it has not.
u64 last_figure(std::string const& program, std::string_view name) {
    std::error_code none;
    auto const log = log_file(program);
    if (!std::filesystem::exists(log, none)) return 0;
    auto const bytes = read_file(log);
    std::string const text{as_text(bytes)};
    auto const at = text.rfind(name);
    return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + name.size(), nullptr, 10);
}

void fuzz(Path const& program, int seconds, bool long_form, TestReport& report) {
    auto const name = program.filename().string();
    auto const corpus = build_directory() / "corpus" / name;
    std::filesystem::create_directories(corpus);
    std::vector<std::string> words{program.string(),
                                   fmt::format("-max_total_time={}", seconds),
                                   "-timeout=10",
                                   "-rss_limit_mb=1024",
                                   "-print_final_stats=1",
                                   "-verbosity=1",
                                   fmt::format("-artifact_prefix={}/{}-", log_folder().string(), name),
                                   corpus.string()};
    if (long_form) words.push_back(fmt::format("-runs={}", enough_inputs));
    auto const seeds = root_directory() / "tests" / "fuzz" / "corpus" / name.substr(5);
    if (std::filesystem::exists(seeds)) words.push_back(seeds.string());
    auto result = run_logged(name, words, seconds + 60);
    result.count = {last_figure(name, "stat::number_of_executed_units:"), "inputs"};
    if (result.outcome == Outcome::failed)
        result.reason += fmt::format("; the input is kept as {}-*",
                                     (log_folder() / name).lexically_relative(root_directory()).string());
    else
        report.say(fmt::format("{} found nothing in {} inputs, {:.0f} s", name, result.count.amount,
                               result.seconds));
    report.add(std::move(result));
}

}  // namespace

TestStage fuzz_stage(TestOptions const& options) {
    TestStage stage{.name = "fuzz", .sentence = "fuzzers", .budget_seconds = budget_seconds};
    std::vector<Path> programs;
    std::error_code none;
    for (auto const& entry : std::filesystem::directory_iterator{build_directory() / "check", none}) {
        auto const name = entry.path().filename().string();
        if (name.starts_with("fuzz-") && !entry.path().has_extension() && is_wanted(options, name))
            programs.push_back(entry.path());
    }
    std::ranges::sort(programs);
    // Who was quick the last time has enough soon, and is not in the way of the others.
    if (options.long_form)
        std::ranges::sort(programs, std::greater{}, [](Path const& program) {
            return last_figure(program.filename().string(), "stat::average_exec_per_sec:");
        });
    auto const count = std::max<int>(1, static_cast<int>(programs.size()));
    int const share = budget_seconds * static_cast<int>(options.jobs) / count;
    int const seconds = options.long_form ? 600 : std::clamp(share, 5, 20);
    if (options.long_form) stage.budget_seconds = 600 * count / static_cast<int>(options.jobs) + 60;
    for (auto const& program : programs)
        stage.tasks.push_back({.name = program.filename().string(),
                               .run = [program, seconds, more = options.long_form](TestReport& report) {
                                   fuzz(program, seconds, more, report);
                               }});
    return stage;
}

}  // namespace antler::cli
