// Runs the tests that count, and says what they came to.
#include "cli/coverage_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>

#include "cli/child_process.hpp"
#include "cli/coverage_page.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/test_command.hpp"

namespace antler::cli {
namespace {

constexpr std::chrono::minutes patience{15};
// QEMU's firmware starts the image 2 MiB behind the start of RAM, and it is no larger than this.
constexpr u64 image_from = u64{2} << 20, image_bytes = u64{1} << 20;

Path tool(char const* name) {
    auto const found = find_program(name);
    if (found.empty()) throw Failure{ExitCode::bad_input, fmt::format("{} is not installed.", name)};
    return found;
}

std::string output_of(std::vector<std::string> const& words) {
    auto const said = capture(words, patience);
    if (!said.succeeded())
        throw Failure{ExitCode::internal,
                      fmt::format("{} failed:\n{}", words.front(), said.output.substr(0, 2000))};
    return said.output;
}

std::vector<Path> files_in(Path const& folder, auto const& wanted) {
    std::vector<Path> found;
    std::error_code none;
    for (auto const& entry : std::filesystem::directory_iterator{folder, none})
        if (entry.is_regular_file() && wanted(entry.path())) found.push_back(entry.path());
    std::ranges::sort(found);
    return found;
}

// Units, models and fuzzers, each with its own counters.
class HostPrograms {
public:
    explicit HostPrograms(CoverageOptions const& options)
        : folder_{build_directory() / "coverage"}, profiles_{folder_ / "profiles"} {
        programs_ = files_in(folder_, [&](Path const& file) {
            auto const name = file.filename().string();
            bool const counts =
                name.starts_with("unit-") || name.starts_with("model-") || name.starts_with("fuzz-");
            return counts && !file.has_extension() && name.find(options.filter) != std::string::npos;
        });
        if (programs_.empty())
            throw Failure{ExitCode::bad_input, "Nothing was built to count; start through ./antler."};
        std::filesystem::remove_all(profiles_);
        std::filesystem::create_directories(profiles_);
    }

    // What each of them ran; one after another, for where two of them have a function, only one knows whether
    // it ran.
    [[nodiscard]] CoveredFiles run(unsigned jobs) const {
        CoveredFiles files;
        std::mutex one_at_a_time;
        std::atomic<usize> next = 0;
        std::vector<std::jthread> workers;
        for (unsigned i = 0; i < jobs; ++i)
            workers.emplace_back([&] {
                for (usize at = next++; at < programs_.size(); at = next++) {
                    auto const lines = run(programs_[at]);
                    std::scoped_lock const held{one_at_a_time};
                    add_lcov(lines, root_directory().string(), files);
                }
            });
        workers.clear();
        return files;
    }

private:
    // What fails here fails in `antler test`; here it only counts less.
    [[nodiscard]] std::string run(Path const& program) const {
        auto const name = program.filename().string();
        std::vector<std::string> words{
            find_program("env").string(),
            "ANTLER_MODEL_ROUNDS=100000",  // which lines run is soon seen
            fmt::format("LLVM_PROFILE_FILE={}/{}-%p.profraw", profiles_.string(), name), program.string()};
        if (name.starts_with("fuzz-")) {
            words.emplace_back("-runs=0");
            for (auto const& corpus : {build_directory() / "corpus" / name,
                                       root_directory() / "tests" / "fuzz" / "corpus" / name.substr(5)})
                if (std::filesystem::exists(corpus)) words.push_back(corpus.string());
        }
        auto const said = capture(words, patience);
        fmt::print(stderr, "antler: coverage: {}{}\n", name, said.succeeded() ? "" : " failed");
        auto const merged = profiles_ / (name + ".profdata");
        words = {tool("llvm-profdata-19").string(), "merge", "-sparse", "-o", merged.string()};
        auto const without = words.size();
        // Tests that end in a trap are processes of their own.
        for (auto const& file : files_in(profiles_, [&](Path const& f) {
                 return f.extension() == ".profraw" && f.filename().string().starts_with(name + "-");
             }))
            words.push_back(file.string());
        if (words.size() == without) return {};  // it was ended before it could write
        static_cast<void>(output_of(words));
        return output_of({tool("llvm-cov-19").string(), "export", "--format=lcov", "--skip-functions",
                          "-instr-profile", merged.string(), program.string()});
    }

    Path folder_, profiles_;
    std::vector<Path> programs_{};
};

Path scenario_logs() {
    return build_directory() / "coverage" / "scenarios";
}
Path image() {
    return build_directory() / "target" / "hypervisor.elf";
}

std::vector<Path> scenario_files() {
    return files_in(scenario_logs(), [](Path const&) { return true; });
}

// They were written by the image that is here now.
bool has_scenarios() {
    std::error_code none;
    auto const written = std::filesystem::last_write_time(scenario_logs(), none);
    return !none && written > std::filesystem::last_write_time(image(), none);
}

// What scenarios come to, by the image's own table of lines.
void run_scenarios(CoverageOptions const& options) {
    auto const logs = scenario_logs();
    std::filesystem::remove_all(logs);
    std::filesystem::create_directories(logs);
    auto const plugin = build_directory() / "host" / "executed.so";
    TestOptions test{.stages = {"system"}, .filter = options.filter, .jobs = options.jobs};
    // %d is QEMU's process.
    test.qemu_args = {"-plugin", fmt::format("{},from={},image={}", plugin.string(), image_from, image_bytes),
                      "-d",      "plugin",
                      "-D",      fmt::format("{}/%d.log", logs.string())};
    static_cast<void>(run_tests(test));
}

CoveredFiles lines_of_scenarios() {
    Ranges executed;
    for (auto const& log : scenario_files()) add_blocks(as_text(read_file(log)), executed);
    return parse_listing(output_of({tool("llvm-objdump-19").string(), "-d", "-l", "--no-show-raw-insn",
                                    "--mattr=+f,+d,+v,+h,+zicboz,+zawrs", image().string()}),
                         executed, root_directory().string());
}

void print(FolderCoverage const& row) {
    fmt::print("{:<40} {:>6} lines {:>6.1f} %  {:>6} branches {:>6.1f} %\n", row.folder, row.lines,
               percent_of(row.lines_run, row.lines), row.branches,
               percent_of(row.branches_taken, row.branches));
}

// Lines that did not run, as ranges: "3-7 12".
std::string missing(CoveredFile const& file) {
    std::string text;
    for (auto at = file.lines.begin(); at != file.lines.end(); ++at) {
        if (at->second) continue;
        auto const first = at->first;
        while (std::next(at) != file.lines.end() && !std::next(at)->second) ++at;
        text += at->first == first ? fmt::format(" {}", first) : fmt::format(" {}-{}", first, at->first);
    }
    return text;
}

}  // namespace

int coverage_command(CoverageOptions const& given) {
    auto options = given;
    if (options.jobs == 0) options.jobs = std::clamp(std::thread::hardware_concurrency(), 1U, 8U);
    HostPrograms const programs{options.system ? CoverageOptions{} : options};
    if (options.system) run_scenarios(options);
    auto const scenarios_too = has_scenarios();
    auto files = programs.run(options.jobs);
    if (scenarios_too) merge(files, lines_of_scenarios());
    auto record = coverage_record(files);
    record.circumstances = {
        {"command", scenarios_too ? "./antler coverage --system --save" : "./antler coverage --save"},
        {"run by", scenarios_too ? fmt::format("units, models, fuzzers' corpora and {} machines of scenarios",
                                               scenario_files().size())
                                 : "units, models and fuzzers' corpora"}};
    if (options.files)
        for (auto const& [name, file] : files)
            if (file.run() != file.count())
                fmt::print("{}: {} of {} lines:{}\n", name, file.run(), file.count(), missing(file));
    for (auto const& row : record.folders) print(row);
    print(whole(record.folders));
    if (options.save) {
        write_file(root_directory() / "docs" / "coverage.json", as_bytes(to_json(record)));
        write_file(root_directory() / "docs" / "coverage.md", as_bytes(coverage_page(record)));
    }
    auto const all = whole(record.folders);
    if (percent_of(all.lines_run, all.lines) < covered_lines_goal)
        fmt::print("less than {:.0f} % of the lines ran\n", covered_lines_goal);
    return static_cast<int>(ExitCode::success);
}

}  // namespace antler::cli
