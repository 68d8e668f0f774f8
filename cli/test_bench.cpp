// The stage that measures: no figure may be worse than the one on record.
#include "cli/test_stage.hpp"

namespace antler::cli {
namespace {

// The bench is a program of its own.
void measure(std::string const& name, std::vector<std::string> words, TestReport& report) {
    words.insert(words.begin(), {(build_directory() / "host" / "antler").string(), "bench"});
    report.add(run_logged(name, words, 600));
}

}  // namespace

TestStage bench_stage(TestOptions const& options) {
    TestStage stage{
        .name = "bench", .sentence = "instruction counts against those on record", .budget_seconds = 180};
    auto const add = [&](std::string name, std::string_view record, std::vector<std::string> words) {
        if (!is_wanted(options, name)) return;
        auto const file = root_directory() / "bench" / "results" / record;
        stage.tasks.push_back({.name = name, .alone = true, .run = [=](TestReport& report) {
                                   if (std::filesystem::exists(file)) return measure(name, words, report);
                                   report.add(
                                       {.name = name,
                                        .outcome = Outcome::skipped,
                                        .reason = "there are no figures on record yet (antler bench --save)",
                                        .rules = {}});
                               }});
    };
    add("bench-check", "antler.json", {"--check"});
    add("bench-interference", "interference.json", {"--part", "interference"});
    return stage;
}

}  // namespace antler::cli
