// What the long forms came to is kept until the same test has run again, and its parts are one row.
#include "cli/long_forms.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

TestResult result(std::string name, u64 amount, std::string note = {}) {
    return {.name = std::move(name),
            .seconds = 100,
            .rules = {},
            .stage = "system",
            .count = {.amount = amount, .of = "actions", .note = std::move(note)}};
}

class LongForms : public testing::Test {
protected:
    test::TemporaryFolder folder_;
    Path file_ = folder_.path() / "long.json";
};

TEST_F(LongForms, PartsOfATestAreOneRow) {
    EXPECT_EQ(without_part("hostile-long (first=1 harts=2)"), "hostile-long");
    EXPECT_EQ(without_part("VmidBits/StubbornTlb.Holds/3"), "VmidBits/StubbornTlb.Holds");
    EXPECT_EQ(without_part("fuzz-pci"), "fuzz-pci");
    EXPECT_EQ(without_part("remap2"), "remap2");
    keep_long_forms(file_, {result("one (first=1)", 100'000), result("one (first=2)", 50'000, "QEMU ended"),
                            result("one (first=3)", 60'000, "QEMU ended")});
    auto const rows = long_forms_rows(file_);
    EXPECT_NE(rows.find("| `system one` | 210,000 actions, in 3 parts | 5 min, "), std::string::npos) << rows;
    EXPECT_NE(rows.find("| QEMU ended (2 times) |"), std::string::npos) << rows;
}

TEST_F(LongForms, ATestThatDidNotRunKeepsWhatItHad) {
    keep_long_forms(file_, {result("one", 1), result("two", 2)});
    auto failed = result("two", 3);
    failed.outcome = Outcome::failed;
    failed.reason = "it said so";
    keep_long_forms(file_, {failed, {.name = "nothing", .rules = {}}});
    auto const rows = long_forms_rows(file_);
    EXPECT_NE(rows.find("| `system one` | 1 actions | 100 s, "), std::string::npos) << rows;
    EXPECT_NE(rows.find("| `system two` | 3 actions |"), std::string::npos) << rows;
    EXPECT_NE(rows.find("| it said so |"), std::string::npos) << rows;
    EXPECT_EQ(rows.find("nothing`"), std::string::npos) << rows;
}

TEST_F(LongForms, NoneHasRunWhereThereIsNoFile) {
    EXPECT_EQ(long_forms_rows(file_), "");
}

}  // namespace
}  // namespace antler::cli
