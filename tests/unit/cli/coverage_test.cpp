// What is made of counters and traces: lines that ran, on the host or on the target, by folder.
#include <gtest/gtest.h>

#include "cli/coverage_page.hpp"

namespace antler::cli {
namespace {

constexpr std::string_view lcov =
    "SF:/root/hypervisor/vm/core.cpp\nDA:3,7\nDA:4,0\nDA:5,0\nBRDA:3,0,0,1\nBRDA:3,0,1,0\nBRDA:4,0,0,-\n"
    "end_of_record\nSF:/root/tests/unit/vm/core_test.cpp\nDA:1,1\nend_of_record\n"
    "SF:/root/isa/pte.hpp\nDA:9,1\nend_of_record\n";

constexpr std::string_view listing =
    "0000000000000010 <antler::vm::f()>:\n"
    "; antler::vm::f():\n"
    "; /root/hypervisor/vm/core.cpp:4\n"
    "      10:      \taddi\tsp, sp, -0x10\n"
    "; /root/hypervisor/vm/core.cpp:5\n"
    "      12:      \tsd\tra, 0x8(sp)\n"
    "; /root/guests/lib/guest.hpp:1\n"
    "      16:      \tret\n"
    "\n"
    "0000000000000018 <antler_start>:\n"
    "      18:      \tnop\n"
    "; /root/hypervisor/boot/start.S:7\n"
    "      1a:      \tnop\n"
    "; /root/hypervisor/boot/start.S:8\n"
    "      1c:      \tj\t0x1c\n";

CoveredFiles on_the_host() {
    CoveredFiles files;
    add_lcov(lcov, "/root", files);
    return files;
}
CoveredFiles on_the_target(std::string_view log) {
    Ranges executed;
    add_blocks(log, executed);
    return parse_listing(listing, executed, "/root");
}

TEST(CoveredLines, AreThoseOfTheHypervisorAlone) {
    auto files = on_the_host();
    ASSERT_EQ(files.size(), 2U);
    auto const& core = files["hypervisor/vm/core.cpp"];
    EXPECT_EQ(core.lines, (std::map<u32, bool>{{3, true}, {4, false}, {5, false}}));
    EXPECT_EQ(core.branches.size(), 3U);
    EXPECT_EQ(core.taken(), 1U);
    // Another program ran another line and the other way.
    add_lcov("SF:/root/hypervisor/vm/core.cpp\nDA:3,0\nDA:4,1\nBRDA:3,0,1,5\nend_of_record\n", "/root",
             files);
    EXPECT_EQ(core.run(), 2U);
    EXPECT_EQ(core.taken(), 2U);
}

TEST(CoveredLines, OfTheTargetAreThoseOfInstructionsThatRan) {
    auto files = on_the_target("block 16 4\nnoise\nblock 18 4\nblock 26 2\n");
    EXPECT_EQ(files["hypervisor/vm/core.cpp"].lines, (std::map<u32, bool>{{4, true}, {5, true}}));
    EXPECT_EQ(files["hypervisor/boot/start.S"].lines, (std::map<u32, bool>{{7, true}, {8, false}}));
    EXPECT_EQ(files.size(), 2U);
}

TEST(CoveredLines, CountOnceWhereverTheyRan) {
    auto files = on_the_host();
    merge(files, on_the_target("block 16 2\nblock 26 2\n"));
    EXPECT_EQ(files["hypervisor/vm/core.cpp"].lines, (std::map<u32, bool>{{3, true}, {4, true}, {5, false}}));
    auto const folders = by_folder(files);
    ASSERT_EQ(folders.size(), 3U);
    EXPECT_EQ(folders[0].folder, "hypervisor/boot");
    EXPECT_EQ(folders[1].folder, "hypervisor/vm");
    EXPECT_EQ(folders[1].lines_run, 2U);
    EXPECT_EQ(folders[2].folder, "isa");
    auto const all = whole(folders);
    EXPECT_EQ(all.lines, 6U);
    EXPECT_EQ(all.lines_run, 4U);
    EXPECT_EQ(all.branches, 3U);
}

TEST(CoverageRecordOf, AFolderComesBackFromItsFile) {
    auto record = coverage_record(on_the_host());
    record.circumstances["command"] = "one";
    auto const again = parse_coverage(to_json(record));
    EXPECT_EQ(coverage_page(again), coverage_page(record));
    EXPECT_EQ(again.worst.front().folder, "hypervisor/vm/core.cpp");
    EXPECT_NE(coverage_page(again).find("| hypervisor/vm | 3 | 33.3 | 33.3 |"), std::string::npos);
    EXPECT_NE(coverage_page(again).find("**50.0 % of 4 lines"), std::string::npos);
}

}  // namespace
}  // namespace antler::cli
