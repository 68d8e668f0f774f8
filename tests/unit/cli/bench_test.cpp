// Figures: read from a guest, kept, compared and shown.
#include "cli/bench_data.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "cli/bench_entry.hpp"
#include "cli/bench_page.hpp"
#include "cli/failure.hpp"

namespace antler::cli {
namespace {

TEST(Figures, AreReadFromAGuestsConsole) {
    auto const figures = parse_guest_output(
        "OpenSBI v1.6\r\nbench sbi_base 88\r\nbench first_touch_eager 7.5\n"
        "bench nonsense x\nbench  12\nbenches 12\nnoise bench uart_read 3\nbench uart_read 12 \nbench "
        "wake_1ms 4",
        "antler");
    ASSERT_EQ(figures.size(), 3U);
    EXPECT_EQ(figures[0], (Figure{"sbi_base", "antler", 88}));
    EXPECT_EQ(figures[1], (Figure{"first_touch_eager", "antler", 7.5}));
    EXPECT_EQ(figures[2], (Figure{"wake_1ms", "antler", 4}));
}

TEST(Figures, SurviveBeingWrittenAndRead) {
    Record const record{{{"qemu", "10.0.13"}},
                        {{"sbi_base", "antler", 88}, {"linux_boot", "native", 912195100}}};
    auto const again = parse_record(to_json(record), "x.json");
    EXPECT_EQ(again.figures, record.figures);
    EXPECT_EQ(again.circumstances, record.circumstances);
}

TEST(Figures, HaveTheFormThatProgramsRead) {
    Figures const figures{{"sbi_base", "antler", 88}};
    EXPECT_EQ(to_json(figures),
              "[\n  {\n    \"instructions\": 88,\n    \"row\": \"sbi_base\",\n    \"system\": \"antler\"\n  "
              "}\n]\n");
    EXPECT_EQ(to_csv(figures), "row,system,instructions\nsbi_base,antler,88\n");
}

TEST(Figures, OfAnotherFormatAreRefusedWithASentence) {
    for (auto const* text : {"", "[]", "{}", "{\"circumstances\": {}, \"figures\": [{\"row\": 3}]}"}) {
        try {
            (void)parse_record(text, "x.json");
            FAIL() << text;
        } catch (Failure const& failure) {
            EXPECT_EQ(failure.code(), ExitCode::bad_input);
            EXPECT_TRUE(std::string{failure.what()}.starts_with("x.json is not a file of figures"));
        }
    }
}

TEST(Regression, IsMoreThanThreePercentAndMoreThanOneInstruction) {
    Figures const before{
        {"sbi_base", "antler", 100}, {"first_touch_eager", "antler", 8}, {"uart_read", "native", 1}};
    EXPECT_TRUE(regressions(before, {{"sbi_base", "antler", 103}}).empty());
    EXPECT_EQ(regressions(before, {{"sbi_base", "antler", 104}}).size(), 1U);
    EXPECT_TRUE(regressions(before, {{"first_touch_eager", "antler", 9}}).empty());
    EXPECT_EQ(regressions(before, {{"first_touch_eager", "antler", 10}}).size(), 1U);
    EXPECT_TRUE(regressions(before, {{"uart_read", "native", 50}}).empty());
    EXPECT_TRUE(regressions(before, {{"set_timer", "antler", 50}}).empty());
    EXPECT_TRUE(regressions(before, {{"sbi_base", "antler", 10}}).empty());
}

TEST(Goal, IsMissedByMoreThanItSays) {
    EXPECT_TRUE(missed_goals({{"sbi_base", "antler", 55}}).empty());
    EXPECT_EQ(missed_goals({{"sbi_base", "antler", 56}}).size(), 1U);
}

TEST(Goal, OfABootIsMeasuredAgainstTheSameBootWithoutAHypervisor) {
    EXPECT_TRUE(missed_goals({{"linux_boot", "antler", 1010}, {"linux_boot", "native", 1000}}).empty());
    EXPECT_EQ(missed_goals({{"linux_boot", "antler", 1011}, {"linux_boot", "native", 1000}}).size(), 1U);
    EXPECT_TRUE(missed_goals({{"linux_boot", "antler", 1011}}).empty());
}

TEST(Table, ShowsRowsDownAndSystemsAcross) {
    Figures const figures{
        {"sbi_base", "antler", 88}, {"sbi_base", "kvm", 952}, {"linux_boot", "kvm", 1046000000}};
    EXPECT_EQ(text_table(figures, {"antler", "kvm"}),
              "row         what                           goal  antler            kvm\n"
              "sbi_base    SBI base call, there and back    55      88            952\n"
              "linux_boot  Debian's kernel until /init                  1,046,000,000\n");
    EXPECT_EQ(markdown_table({{"sbi_base", "antler", 88}}, {"antler"}),
              "| row | what | goal | antler |\n|---|---|---:|---:|\n"
              "| `sbi_base` | SBI base call, there and back | 55 | 88 |\n");
}

TEST(Rivals, AreKeptWithTheirProvenance) {
    auto const rivals = read_record(Path{ANTLER_SOURCE_DIR} / "bench" / "rivals.json");
    EXPECT_EQ(find(rivals.figures, "sbi_base", "xvisor"), 740);
    EXPECT_EQ(find(rivals.figures, "stimecmp_wfi", "bao"), 103);
    EXPECT_TRUE(rivals.circumstances.contains("qemu"));
    for (auto const& figure : rivals.figures) {
        bool known = false;
        for (auto const& row : bench_rows()) known = known || row.name == figure.row;
        EXPECT_TRUE(known) << figure.row;
        EXPECT_TRUE(rivals.circumstances.contains(figure.system)) << figure.system;
    }
}

std::string text_of(Path const& file) {
    std::ifstream stream{file};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

TEST(BenchmarksPage, ShowsTheFiguresOnRecord) {
    Path const root{ANTLER_SOURCE_DIR};
    auto const records = read_records(root);
    constexpr auto again = "write it again: ./antler bench --markdown";
    EXPECT_EQ(text_of(root / "docs" / "benchmarks.md"), benchmarks_page(records)) << again;
    for (auto const& [name, picture] : benchmarks_pictures(records))
        EXPECT_EQ(text_of(root / "docs" / "benchmarks" / (name + ".svg")), picture) << again;
}

TEST(BenchmarksPage, ShowsEveryPictureThereIs) {
    auto const records = read_records(Path{ANTLER_SOURCE_DIR});
    auto const page = benchmarks_page(records);
    for (auto const& [name, picture] : benchmarks_pictures(records))
        EXPECT_TRUE(page.contains("(benchmarks/" + name + ".svg)")) << name;
}

TEST(Floor, IsTheSumOfWhatIsNeededAndOfARowThatThereIs) {
    auto const floors = read_floors(Path{ANTLER_SOURCE_DIR} / "bench" / "floors.json");
    EXPECT_FALSE(floors.empty());
    for (auto const& floor : floors) {
        bool known = false;
        for (auto const& row : bench_rows()) known = known || row.name == floor.row;
        EXPECT_TRUE(known) << floor.row;
        EXPECT_FALSE(floor.why.empty()) << floor.row;
    }
    auto const one =
        parse_floors(R"({"floors": [{"row": "a", "needs": [[2, "b"], [3, "c"]], "why": "d"}]})", "x");
    EXPECT_EQ(one.at(0).instructions(), 5U);
    EXPECT_TRUE(floors_section(one, {{"a", "antler", 7}}).contains("| `a` | 5 | 7 | 2 | d |"));
    EXPECT_THROW((void)parse_floors("{}", "x"), Failure);
}

TEST(EntryProgram, IsCodeAndRoomForItsDigits) {
    auto const image = entry_program();
    EXPECT_EQ(image.substr(0, 4), std::string("\x73\x24\x10\xc0", 4));  // rdtime s0
    EXPECT_GT(image.size(), 8U + 0xa8U);                                // where its line ends
}

}  // namespace
}  // namespace antler::cli
