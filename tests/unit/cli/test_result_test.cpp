// How results are counted and told.
#include "cli/test_result.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

struct Sink {
    std::FILE* file = std::tmpfile();
    ~Sink() { std::fclose(file); }
    [[nodiscard]] std::string text() const {
        std::rewind(file);
        std::string all(100'000, '\0');
        all.resize(std::fread(all.data(), 1, all.size(), file));
        return all;
    }
};

TEST(TestReport, CountsAndEndsWithOneLine) {
    Sink const sink;
    TestReport report{sink.file};
    report.begin_stage("unit", "units", 60);
    report.add({.name = "a", .rules = {"norm:hgatp_mode_bare", "norm:asid_hart_private"}});
    report.add({.name = "b", .outcome = Outcome::failed, .reason = "it is wrong", .rules = {}});
    report.add({.name = "c", .outcome = Outcome::skipped, .reason = "no tool", .rules = {}});
    report.end_stage(1);
    EXPECT_EQ(report.last_line(), "1 passed, 1 failed, 1 skipped");
    auto const text = sink.text();
    EXPECT_NE(text.find("failed b: it is wrong"), std::string::npos) << text;
    EXPECT_NE(text.find("skipped c: no tool"), std::string::npos) << text;
    EXPECT_EQ(text.find(" a:"), std::string::npos) << "what passed is not told";
}

TEST(TestReport, FailsWhenTheStagesTookTheirSharesAndTheReserve) {
    Sink const sink;
    TestReport report{sink.file, 30};
    report.note_build(8 * 60 + 10);
    report.begin_stage("unit", "units", 60);
    report.end_stage(80);
    EXPECT_EQ(report.count(Outcome::failed), 0) << "the reserve is spent, and no more";
    report.begin_stage("fuzz", "fuzzers", 60);
    report.end_stage(59);
    EXPECT_EQ(report.count(Outcome::failed), 0);
    report.begin_stage("system", "machines", 60);
    report.end_stage(61);
    EXPECT_EQ(report.count(Outcome::failed), 1);
    report.print_failures();
    EXPECT_NE(sink.text().find("failed: system time: it took 61 s; its share is 60 s, and 0 s were left"),
              std::string::npos)
        << sink.text();
}

TEST(TestReport, TellsProgramsWhichRulesATestProves) {
    Sink const sink;
    TestReport report{sink.file};
    report.begin_stage("unit", "units", 60);
    report.add({.name = "a", .rules = {"norm:hgatp_mode_bare", "norm:asid_hart_private"}});
    // Whatever bytes a guest printed, the output stays JSON.
    report.add({.name = "b", .outcome = Outcome::failed, .reason = "\xff\xfe", .rules = {"norm:H_straddle"}});
    auto const json =
        nlohmann::json::parse(report.json({"norm:hgatp_mode_bare", "norm:hgatp_mode_sv", "norm:H_straddle"}));
    EXPECT_EQ(json["passed"], 1);
    EXPECT_EQ(json["failed"], 1);
    EXPECT_EQ(json["tests"][0]["stage"], "unit");
    EXPECT_EQ(json["tests"][0]["rules"],
              (std::vector<std::string>{"norm:hgatp_mode_bare", "norm:asid_hart_private"}));
    EXPECT_EQ(json["tests"][1]["rules"], (std::vector<std::string>{"norm:H_straddle"}));
    // What failed proves nothing.
    EXPECT_EQ(json["hypervisor_rules"]["all"], 3);
    EXPECT_EQ(json["hypervisor_rules"]["proved"], 1);
}

TEST(TestReport, ShowsTheEndOfALogWithoutControlCharacters) {
    test::TemporaryFolder const folder;
    std::string text;
    for (int i = 0; i < 100; ++i) text += "line " + std::to_string(i) + "\x1b\r\n";
    EXPECT_EQ(tail_of(folder.file("log", text), 2), "    | line 98\n    | line 99\n");
    EXPECT_EQ(tail_of(folder.path() / "none", 2), "");
}

}  // namespace
}  // namespace antler::cli
