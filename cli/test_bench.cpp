// The stage that measures: no figure may be worse than the one on record.
#include "cli/test_stage.hpp"

namespace antler::cli {

TestStage bench_stage(TestOptions const& options) {
    TestStage stage{
        .name = "bench", .sentence = "instruction counts against those on record", .budget_seconds = 180};
    std::string const name = "bench-check";
    if (!is_wanted(options, name)) return stage;
    stage.tasks.push_back({.name = name, .alone = true, .run = [name](TestReport& report) {
                               auto const record = root_directory() / "bench" / "results" / "antler.json";
                               if (!std::filesystem::exists(record))
                                   return report.add(
                                       {.name = name,
                                        .outcome = Outcome::skipped,
                                        .reason = "there are no figures on record yet (antler bench --save)",
                                        .rules = {}});
                               auto const program = build_directory() / "host" / "antler";
                               report.add(run_logged(name, {program.string(), "bench", "--check"}, 600));
                           }});
    return stage;
}

}  // namespace antler::cli
