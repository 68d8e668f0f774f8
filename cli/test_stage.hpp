// The stages of `antler test`: each gives tasks that may run side by side.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/test_command.hpp"
#include "cli/test_result.hpp"

namespace antler::cli {

struct TestTask {
    std::string name{};
    bool alone = false;                      // nothing else may run meanwhile
    std::function<void(TestReport&)> run{};  // adds one result or many
};

struct TestStage {
    std::string name{};
    std::string sentence{};
    int budget_seconds = 0;
    std::vector<TestTask> tasks{};
};

// `jobs` is resolved in these options: at least 1.
[[nodiscard]] TestStage static_stage(TestOptions const& options);  // what tools say about the sources
[[nodiscard]] TestStage unit_stage(TestOptions const& options);    // GoogleTest programs: units and models
[[nodiscard]] TestStage fuzz_stage(TestOptions const& options);    // libFuzzer programs
[[nodiscard]] TestStage system_stage(TestOptions const& options);  // machines in QEMU
[[nodiscard]] TestStage bench_stage(TestOptions const& options);   // figures against those on record

// What clang-tidy says about each source, for the static stage.
void add_tidy_tasks(TestStage& stage, TestOptions const& options);
// What the hypervisor's image shows, for the static stage.
void add_machine_code_task(TestStage& stage, TestOptions const& options);
// Protocols between harts, for the stage of units and models.
void add_spin_tasks(TestStage& stage, TestOptions const& options);

// Whether a test of this name was asked for.
[[nodiscard]] inline bool is_wanted(TestOptions const& options, std::string const& name) {
    return name.find(options.filter) != std::string::npos;
}

// "exit code 3", "signal 11", of what wait(2) says.
[[nodiscard]] std::string end_of_process(int status);

[[nodiscard]] Path log_folder();  // made if it is not there
[[nodiscard]] Path log_file(std::string const& test_name);

// Ends a task with one result that depends on one program's end.
[[nodiscard]] TestResult run_logged(std::string const& name, std::vector<std::string> const& words,
                                    int limit_seconds);

}  // namespace antler::cli
