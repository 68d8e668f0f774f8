// What came of the tests: counted as they end, and printed for people or for programs.
#pragma once

#include <cstdio>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/types.hpp"
#include "cli/places.hpp"

namespace antler::cli {

enum class Outcome : u8 { passed, failed, skipped };

// How much of something a test did, where that is worth keeping.
struct Count {
    u64 amount = 0;
    std::string of{};    // what it counts; empty: nothing
    std::string note{};  // what was met, and is no failure of what is tested
};

struct TestResult {
    std::string name{};
    Outcome outcome = Outcome::passed;
    double seconds = 0;
    std::string reason{};            // why it failed or was skipped
    Path log{};                      // its end is printed when the test failed
    std::vector<std::string> rules;  // what the test proves: names of rules of the manuals
    std::string stage{};             // filled in by the report
    Count count{};
};

class TestReport {
public:
    // What all stages together may take beyond their shares: with them it is 40 minutes.
    static constexpr double usual_reserve = 120;

    // Progress goes to `out`.
    explicit TestReport(std::FILE* out, double reserve_seconds = usual_reserve)
        : out_{out}, reserve_{reserve_seconds} {}

    void begin_stage(std::string const& name, std::string const& sentence, int budget_seconds);
    void add(TestResult result);  // from any thread
    // One line for many passed tests, e.g. for a test program.
    void say(std::string const& line);
    // A failure once the stages have taken more than their shares and the reserve.
    void end_stage(double seconds);
    void note_build(double seconds);

    [[nodiscard]] std::vector<TestResult> const& results() const { return results_; }
    [[nodiscard]] usize count(Outcome outcome) const;
    // How many of these rules tests prove that passed.
    [[nodiscard]] usize proved(std::set<std::string> const& rules) const;
    [[nodiscard]] std::string last_line() const;  // N passed, N failed, N skipped
    [[nodiscard]]                                 // With how many rules of the manual's chapter are proved.
    [[nodiscard]] std::string
    json(std::set<std::string> const& rules) const;
    void print_failures() const;

private:
    void pay(std::string const& stage, double seconds, int share);

    std::FILE* out_;
    std::mutex mutex_;
    std::string stage_{};
    int budget_ = 0;
    double reserve_;
    std::vector<TestResult> results_;
};

// The last lines of a text file, indented; empty when there is no such file.
[[nodiscard]] std::string tail_of(Path const& file, usize lines);

}  // namespace antler::cli
