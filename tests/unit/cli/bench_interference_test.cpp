// What is made of a plugin's counts: jobs, shares, and whether a noisy run differs from a quiet one.
#include "cli/bench_interference.hpp"

#include <gtest/gtest.h>

namespace antler::cli {
namespace {

constexpr std::string_view log =
    "mark 1 hart 2 inside 1000 outside 500 of 900\n"
    "mark 2 hart 2 inside 2000 outside 500 of 1000\n"
    "noise\n"
    "mark 1 hart 2 inside 2050 outside 510 of 1100\n"
    "mark 2 hart 2 inside 3052 outside 512 of 1200\n"
    "mark 1 hart 2 inside 3060 outside 520 of 1400\n";

TEST(Marks, TellEachJobAndWhatTheHartDidBesides) {
    auto const counts = parse_marks(log);
    EXPECT_EQ(counts.jobs, (std::vector<double>{1000, 1002}));
    EXPECT_EQ(counts.inside, 2060);
    EXPECT_EQ(counts.outside, 20);
    EXPECT_EQ(counts.elsewhere, 480);
    EXPECT_EQ(counts.harts, 1U);
}

TEST(Marks, OfNobodyAreNoJobs) {
    EXPECT_TRUE(parse_marks("").jobs.empty());
    EXPECT_TRUE(parse_marks("mark 2 hart 1 inside 5 outside 6 of 7\n").jobs.empty());
}

TEST(Lateness, IsCountedByItsBound) {
    EXPECT_EQ(parse_lateness("[victim] job: late 1 3\nanother line\njob: late 16 7\r\n"),
              (std::map<u64, double>{{1, 3}, {16, 7}}));
}

TEST(ANoisyRun, MayNotTakeMoreOfTheHartNorChangeAJob) {
    JobCounts const quiet{.jobs = {10'000, 10'000}, .inside = 99'000, .outside = 1'000, .harts = 1};
    auto noisy = quiet;
    EXPECT_TRUE(missed_quiet(quiet, noisy).empty());
    noisy.jobs = {10'000, 10'010};  // a thousandth
    noisy.outside = 2'000;
    EXPECT_TRUE(missed_quiet(quiet, noisy).empty());
    noisy.jobs = {10'000, 10'011};
    EXPECT_EQ(missed_quiet(quiet, noisy).size(), 1U);
    noisy.outside = 3'000;
    EXPECT_EQ(missed_quiet(quiet, noisy).size(), 2U);
    noisy.harts = 2;
    EXPECT_EQ(missed_quiet(quiet, noisy).size(), 3U);
    EXPECT_EQ(missed_quiet(quiet, {}).size(), 1U);
}

TEST(InterferenceTables, ShowBothRunsSideBySide) {
    Figures const figures{{"job_quiet", "antler", 524'339},    {"job_noisy", "antler", 524'340},
                          {"inside_quiet", "antler", 999'900}, {"outside_quiet", "antler", 100},
                          {"late_quiet/2", "antler", 150},     {"late_quiet/4", "antler", 0},
                          {"late_noisy/2", "antler", 149}};
    auto const text = interference_tables(figures);
    EXPECT_NE(text.find("| a job's own instructions, median | 524,339 | 524,340 |"), std::string::npos)
        << text;
    EXPECT_NE(text.find("outside the victim | 100 |"), std::string::npos) << text;
    EXPECT_NE(text.find("< 2 µs | more |"), std::string::npos) << text;
    EXPECT_NE(text.find("| beside the noise | 149 | 0 |"), std::string::npos) << text;
}

}  // namespace
}  // namespace antler::cli
