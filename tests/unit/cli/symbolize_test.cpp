// Names for addresses.
#include "cli/symbolize.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <sstream>

#include "cli/failure.hpp"

extern "C" char __ehdr_start;  // NOLINT: the linker's name for the start of the image

namespace antler::cli {
namespace {

TEST(Offsets, AreFoundInAReport) {
    auto const found = find_offsets("antler: load page fault in the hypervisor: value 0x8, pc image+0x1f4c");
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].offset, 0x1f4cU);
    EXPECT_FALSE(found[0].returns_here);
}

TEST(Offsets, OfCallersPointBehindTheCall) {
    EXPECT_FALSE(find_offsets("  #0 image+0x1234").at(0).returns_here);
    EXPECT_TRUE(find_offsets("  #1 image+0x1234").at(0).returns_here);
    EXPECT_TRUE(find_offsets("  #10 image+0x1234").at(0).returns_here);
}

TEST(Offsets, MayStandTwiceInALineAndWithoutThePrefix) {
    auto const found = find_offsets("image+0x10 called image+20.");
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].offset, 0x10U);
    EXPECT_EQ(found[1].offset, 0x20U);
    EXPECT_EQ(found[1].end, 26U);
}

TEST(Offsets, AreNotFoundWhereThereAreNone) {
    EXPECT_TRUE(find_offsets("image+").empty());
    EXPECT_TRUE(find_offsets("image+0x").empty());
    EXPECT_TRUE(find_offsets("an image + 0x12").empty());
    EXPECT_TRUE(find_offsets("").empty());
    EXPECT_TRUE(find_offsets("image+0x12345678123456789").empty());
}

TEST(SymbolTable, RefusesWhatIsNoElf) {
    EXPECT_FALSE(SymbolTable::parse(""));
    EXPECT_FALSE(
        SymbolTable::parse("\x7f"
                           "ELF"));
    EXPECT_FALSE(SymbolTable::parse(std::string(64, 'x')));
    EXPECT_THROW((void)SymbolTable::read("/dev/null"), Failure);
    EXPECT_THROW((void)SymbolTable::read("/nonexistent"), Failure);
}

TEST(SymbolTable, KnowsTheFunctionsOfThisProgram) {
    auto const table = SymbolTable::read("/proc/self/exe");
    ASSERT_FALSE(table.empty());
    auto const offset = reinterpret_cast<u64>(&find_offsets) - reinterpret_cast<u64>(&__ehdr_start);
    auto const described = table.describe(offset + 4);
    ASSERT_TRUE(described);
    EXPECT_TRUE(described->starts_with("antler::cli::find_offsets(")) << *described;
    EXPECT_TRUE(described->ends_with("+0x4")) << *described;
}

TEST(SymbolTable, SurvivesDamagedFiles) {
    std::string file(4096, '\0');
    std::FILE* const self = std::fopen("/proc/self/exe", "rb");
    ASSERT_NE(self, nullptr);
    ASSERT_EQ(std::fread(file.data(), 1, file.size(), self), file.size());
    std::fclose(self);
    // Cut off: section headers lie far beyond the end.
    EXPECT_FALSE(SymbolTable::parse(file));
    for (std::size_t at = 4; at < 64; ++at) {
        auto damaged = file;
        damaged[at] = '\xff';
        (void)SymbolTable::parse(damaged);
    }
}

TEST(Symbolizer, AnswersWithInlinedFrames) {
    auto const names = parse_symbolizer(
        R"([{"Address":"0x1146","ModuleName":"a","Symbol":[)"
        R"({"FileName":"/r/vm/vm.cpp","FunctionName":"g","Line":2},{"FileName":"/r/boot/main.cpp","FunctionName":"main","Line":3}]},)"
        R"({"Address":"0x1","Symbol":[{"FileName":"","FunctionName":"","Line":0}]}])",
        "/r");
    ASSERT_EQ(names.size(), 1U);
    EXPECT_EQ(names.at(0x1146), "g at vm/vm.cpp:2, inlined in main at boot/main.cpp:3");
    auto const mixed = parse_symbolizer(
        R"([{"Address":"0x2","Symbol":[{"FileName":"/usr/include/c++/atomic","FunctionName":"exchange","Line":9},)"
        R"({"FileName":"/r/base/locked.hpp","FunctionName":"with<(lambda at /r/boot/main.cpp:92:22)>","Line":27}]},)"
        R"({"Address":"0x3","Symbol":[{"FileName":"/usr/include/c++/atomic","FunctionName":"load","Line":8}]}])",
        "/r");
    EXPECT_EQ(mixed.at(2), "with<(lambda at boot/main.cpp:92:22)> at base/locked.hpp:27");
    EXPECT_EQ(mixed.at(3), "load at /usr/include/c++/atomic:8");
    EXPECT_TRUE(parse_symbolizer("garbage", "").empty());
    EXPECT_TRUE(parse_symbolizer("{}", "").empty());
}

TEST(Symbolize, CopiesLinesWithoutAddresses) {
    std::istringstream in{"one\r\ntwo\n"};
    std::ostringstream out;
    symbolize(in, out, "/proc/self/exe");
    EXPECT_EQ(out.str(), "one\ntwo\n");
}

}  // namespace
}  // namespace antler::cli
