// Models of protocols between harts, in Promela: spin goes through every order of their steps.
#include <fmt/format.h>

#include <array>

#include "cli/file.hpp"
#include "cli/test_stage.hpp"

namespace antler::cli {
namespace {

constexpr int limit_seconds = 300;

struct Run {
    char const* name;
    char const* options;  // of the preprocessor
    bool holds;           // else a step of the protocol is left out, and the check must say so
};

constexpr std::array space_runs{
    Run{"harts that enter spaces, which die, while VMIDs are dealt anew", "-DUNMAPPERS=0 -DDEATHS=1", true},
    Run{"harts that unmap and flush each other", "-DUNMAPPERS=2 -DDEATHS=0", true},
    Run{"without the fence that a message asks for", "-DUNMAPPERS=2 -DDEATHS=0 -DMUTANT=1", false},
    Run{"with a space that is entered before its hart is among those who are told",
        "-DUNMAPPERS=2 -DDEATHS=0 -DMUTANT=2", false},
    Run{"with a new VMID that leaves what was cached", "-DUNMAPPERS=0 -DDEATHS=1 -DMUTANT=3", false},
    Run{"with a new VMID that is seen before what was cached is forgotten",
        "-DUNMAPPERS=0 -DDEATHS=1 -DMUTANT=4", false},
    Run{"with a hart that is not told any more while hgatp still names the space",
        "-DUNMAPPERS=0 -DDEATHS=1 -DMUTANT=5", false},
    Run{"without the fence of a hart that comes back", "-DUNMAPPERS=0 -DDEATHS=1 -DMUTANT=6", false},
    Run{"with a flush that leaves what was cached", "-DUNMAPPERS=2 -DDEATHS=0 -DMUTANT=7", false},
    Run{"with a flush that looks who is there too early", "-DUNMAPPERS=2 -DDEATHS=0 -DMUTANT=8", false},
    Run{"with a hart that serves nobody while it waits", "-DUNMAPPERS=2 -DDEATHS=0 -DMUTANT=9", false},
    Run{"without a second look at the VMID", "-DUNMAPPERS=0 -DDEATHS=1 -DMUTANT=10", false},
};

TestResult check(Path const& model, Run const& run) {
    auto const name = fmt::format("spin {}: {}", model.stem().string(), run.name);
    auto const folder = build_directory() / "spin" / std::to_string(&run - space_runs.data());
    std::filesystem::create_directories(folder);
    auto const script = fmt::format(
        "cd {0} && spin -P'clang-19 -E -x c' {1} -a {2} && clang-19 -w -O1 -DSAFETY -o pan pan.c && "
        "./pan -m200000 -w22",
        folder.string(), run.options, model.string());
    auto result = run_logged(name, {find_program("sh").string(), "-c", script}, limit_seconds);
    if (result.outcome != Outcome::passed) return result;
    auto const log = std::string{as_text(read_file(result.log))};
    bool const ran = log.find("State-vector") != std::string::npos &&
                     log.find("max search depth too small") == std::string::npos;
    bool const holds = log.find("errors: 0") != std::string::npos;
    if (!ran || holds != run.holds) {
        result.outcome = Outcome::failed;
        result.reason = !ran        ? "spin did not finish"
                        : run.holds ? "spin found an order of steps that breaks it"
                                    : "the model does not miss a step that is left out";
    }
    return result;
}

}  // namespace

void add_spin_tasks(TestStage& stage, TestOptions const& options) {
    auto const model = root_directory() / "tests" / "model" / "memory" / "space.pml";
    if (find_program("spin").empty()) {
        if (is_wanted(options, "spin space"))
            stage.tasks.push_back({.name = "spin space", .run = [](TestReport& report) {
                                       report.add({.name = "spin space",
                                                   .outcome = Outcome::skipped,
                                                   .reason = "spin is not installed",
                                                   .rules = {}});
                                   }});
        return;
    }
    for (auto const& run : space_runs) {
        auto const name = fmt::format("spin space: {}", run.name);
        if (is_wanted(options, name))
            stage.tasks.push_back(
                {.name = name, .run = [model, &run](TestReport& report) { report.add(check(model, run)); }});
    }
}

}  // namespace antler::cli
