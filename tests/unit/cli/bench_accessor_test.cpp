// An access of guest memory: where it may fault, and what it takes.
#include "cli/bench_accessor.hpp"

#include <gtest/gtest.h>

#include "cli/bench_data.hpp"
#include "cli/bench_runs.hpp"

namespace antler::cli {
namespace {

std::string words(std::vector<u32> const& all) {
    std::string bytes;
    for (auto const word : all)
        for (u32 shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(word >> shift);
    return bytes;
}

TEST(GuardedInstructions, AreThoseOfTheTableAndThoseThatReadAsTheGuest) {
    // nop; ld; hlvx.hu a0, (a1); hlv.d a0, (a1); then the table: 4, seen from 16, and 0, seen from 24.
    auto const image =
        words({0x13, 0x3503, 0x6435'c573, 0x6c05'c573, static_cast<u32>(-12), 8, static_cast<u32>(-24), 0});
    EXPECT_EQ(guarded_instructions(image, 16, 32), (std::set<u64>{0, 4, 8}));
    EXPECT_EQ(guarded_instructions(image, 16, 24), (std::set<u64>{4, 8}));
    EXPECT_TRUE(guarded_instructions("", 0, 0).empty());
}

TEST(AnAccess, TakesTheInstructionsOfItsFunctionDividedByHowOftenItRan) {
    constexpr Accessor load{"row", "load<u16>", "vm/ram.hpp"};
    std::map<u64, std::string> const names{
        {2, "load<u16> at vm/ram.hpp:40, inlined in serve at vm/disk.cpp:7"},
        {4, "serve at vm/disk.cpp:8"},
        {6,
         "seen at vm/ram.hpp:70, inlined in load<u16> at vm/ram.hpp:41, inlined in serve at vm/disk.cpp:7"},
        {8, "load<u16> at vm/ram.hpp:41"},
        {10, "load<u16> at vm/other.hpp:41"},
        {12, "load<u16>s at vm/ram.hpp:41"}};
    std::set<u64> const guarded{4, 8};
    // Ten exits with one access of three instructions, five with two accesses of one.
    std::vector<ExitShape> const shapes{{10, {0, 2, 4, 6, 8, 10, 12}}, {5, {8, 4, 8}}};
    EXPECT_EQ(cost_of_access(shapes, names, guarded, load), 2.0);
    EXPECT_FALSE(cost_of_access({{10, {0, 2, 4}}}, names, guarded, load));
    EXPECT_FALSE(cost_of_access({}, names, guarded, load));
}

TEST(RowsOfAccessors, AreOfARunThatWritesInstructionsDownAndOfNoCheck) {
    auto const checked = checked_rows();
    u32 found = 0;
    for (auto const& run : all_runs())
        for (auto const row : run.rows) {
            if (find_accessor(row) == nullptr) continue;
            ++found;
            EXPECT_TRUE(run.load.traced) << row;
            EXPECT_EQ(run.rows.size(), 1U) << row;
            EXPECT_FALSE(is_wanted(checked, row)) << row;
        }
    EXPECT_EQ(found, 2U);
    EXPECT_TRUE(is_wanted(checked, "world_switch"));
    EXPECT_EQ(find_accessor("uart_read"), nullptr);
}

}  // namespace
}  // namespace antler::cli
