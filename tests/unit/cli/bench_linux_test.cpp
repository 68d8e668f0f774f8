// What Linux guests say when they are measured, and what may not be missed.
#include <gtest/gtest.h>

#include "cli/bench_latency.hpp"
#include "cli/bench_login.hpp"
#include "cli/bench_timeline.hpp"
#include "cli/bench_workloads.hpp"
#include "cli/plot.hpp"

namespace antler::cli {
namespace {

TEST(Lateness, IsReadFromAGuestsConsole) {
    auto const figures = parse_lateness(
        "noise\r\nlate worst 31500\r\nlate by 5 times 90\r\nlate by 6 times 8\nlate by 30 times 1\n"
        "late by 31 times 1\nlate by x times 1\nlate over\n",
        "late_quiet", "antler");
    EXPECT_EQ(find(figures, "late_quiet_median", "antler"), 5);
    EXPECT_EQ(find(figures, "late_quiet_99", "antler"), 30);
    EXPECT_EQ(find(figures, "late_quiet_worst", "antler"), 31.5);
    EXPECT_EQ(find(figures, "late_quiet/5", "antler"), 90);
    EXPECT_EQ(find(figures, "late_quiet/25", "antler"), 2);
}

TEST(Lateness, OfAGuestThatDidNotSayItsWorstIsNone) {
    EXPECT_TRUE(parse_lateness("late by 5 times 90\n", "late_quiet", "antler").empty());
    EXPECT_TRUE(parse_lateness("late worst 5000\n", "late_quiet", "antler").empty());
}

TEST(ALateBin, BeginsWhereTheOneBeforeItEnds) {
    for (double begin = 0, last = 0; begin < 60'000; begin = late_bin_end(begin)) {
        EXPECT_EQ(late_bin(begin), begin);
        EXPECT_EQ(late_bin(late_bin_end(begin) - 1), begin);
        EXPECT_GE(begin, last);
        last = begin;
    }
}

TEST(ABoot, HasItsStagesFromLinuxOwnLog) {
    auto const figures = parse_marks(
        "mark 0.004 smp: Brought up 1 node, 1 CPU\r\nmark 0.862378 Run /init as init process\n"
        "mark 0.9 Run /sbin/init\nmark\nmark x Run /init as init process\nmark 1\n",
        "native");
    EXPECT_EQ(figures, (Figures{{"boot/cpus", "native", 4e6}, {"boot/init", "native", 862378000}}));
}

TEST(ALogin, HasTheExitsThatKvmCountsByKindAndTheRest) {
    EXPECT_EQ(kvm_login_exits("kvm: exits csr_exit_user 0\r\nkvm: exits ecall_exit_stat 20\r\n"
                              "kvm: exits exits 100\nkvm: exits mmio_exit_kernel 30\n"
                              "kvm: exits mmio_exit_user 15\nkvm: exits wfi_exit_stat 5\nkvm: counted\n"),
              (Figures{{"login_exits/mmio", "kvm", 45},
                       {"login_exits/sbi", "kvm", 20},
                       {"login_exits/sbi+demand+interrupt", "kvm", 30},
                       {"login_exits/wait", "kvm", 5}}));
    EXPECT_TRUE(kvm_login_exits("debian login:").empty());
}

TEST(ALogin, StandsBesideThoseOfTheOthers) {
    auto const page = login_section({{},
                                     {{"login", "native", 1000},
                                      {"login", "antler", 1010},
                                      {"login_exits/sbi", "antler", 28},
                                      {"login_exits/interrupt", "antler", 2},
                                      {"login", "kvm", 2000},
                                      {"login_exits/sbi", "kvm", 40}}});
    EXPECT_TRUE(page.contains("| 1,000 | 1,010 | 2,000 | 1.0100 | 2.0000 |\n")) << page;
    EXPECT_TRUE(page.contains("| interrupt | 2 |  |\n| sbi | 28 | 40 |\n| all | 30 | 40 |\n")) << page;
}

TEST(ATimeLine, HasABarForEachStageThatTookTime) {
    auto const picture =
        svg(TimeLine{.title = "t",
                     .unit = "u",
                     .stages = {"one", "two"},
                     .rows = {{.label = "a", .ends = {5, 10}}, {.label = "b", .ends = {1, 2}}}});
    EXPECT_TRUE(picture.contains("two"));
    // Bars, squares beside the words, and the ground.
    std::size_t boxes = 0;
    for (auto at = picture.find("<rect"); at != std::string::npos; at = picture.find("<rect", at + 1))
        ++boxes;
    EXPECT_EQ(boxes, 4U + 2U + 1U);
}

TEST(ATime, IsTheMedianBetweenItsEnds) {
    EXPECT_EQ(timed("cpu_ms", "antler", {3, 1, 2.0004, 9, 8}), (Figure{"cpu_ms", "antler", 3, Spread{1, 9}}));
}

TEST(ATime, SurvivesBeingWrittenAndReadBesideACount) {
    Record const record{{{"qemu", "10.0.13"}},
                        {{"cpu", "antler", 100}, {"cpu_ms", "antler", 3, Spread{1, 9.5}}}};
    EXPECT_EQ(parse_record(to_json(record), "x.json").figures, record.figures);
    EXPECT_EQ(to_csv(record.figures),
              "row,system,instructions,median,least,most\ncpu,antler,100,,,\ncpu_ms,antler,,3,1,9.5\n");
}

TEST(AWorkload, MayTakeAHundredthMoreThanTheMachineAloneAndATwentiethMoreTimeThanUnderKvm) {
    EXPECT_TRUE(
        missed_workload_goals(
            {{"cpu", "native", 1000}, {"cpu", "antler", 1010}, {"cpu_ratio", "antler", 1.05, Spread{1, 2}}})
            .empty());
    EXPECT_EQ(missed_workload_goals({{"cpu", "native", 1000}, {"cpu", "antler", 1011}}).size(), 1U);
    EXPECT_EQ(missed_workload_goals({{"cpu_ratio", "antler", 1.06, Spread{1, 2}}}).size(), 1U);
}

}  // namespace
}  // namespace antler::cli
