// The page about the manual's rules says what tests declare, and forgets no rule.
#include "cli/norm_coverage.hpp"

#include <gtest/gtest.h>

#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

// In two parts, so that nobody looks for these rules in the manual.
std::string rule(std::string const& name) {
    return "no" + ("rm:" + name);
}

TEST(NormCoverage, ThePageIsMadeOfTheTests) {
    Path const root{ANTLER_SOURCE_DIR};
    EXPECT_EQ(as_text(read_file(root / "docs/norm-coverage.md")), norm_coverage_markdown(root))
        << "Run `antler check --norms-markdown > docs/norm-coverage.md`.";
}

class NormCoverageOf : public testing::Test {
protected:
    NormCoverageOf() {
        write("docs/norm-rules.txt", "# Rules.\n" + rule("one") + " hypervisor\n" + rule("two") +
                                         " hypervisor\n" + rule("three") + " hypervisor\n" + rule("four") +
                                         " hypervisor\n" + rule("five") + " hypervisor\n" + rule("other") +
                                         " supervisor\n");
        write("tests/unit/a_test.cpp",
              "// [" + rule("five") +
                  "]\nTEST(Suite, Holds) {\n    RecordProperty(\n        \"rules\",\n"
                  "        \"" +
                  rule("one") + " \"\n        \"" + rule("two") + " " + rule("other") + "\");\n    // [" +
                  rule("five") + "]\n}\n");
        write("tests/model/b_test.cpp",
              "TYPED_TEST(Model, Agrees) {\n    this->RecordProperty(\"rules\", \"" + rule("three") +
                  "\");\n}\n");
        write("tests/system/c.toml", "[scenario.boots]\nrules = [\n    \"" + rule("four") +
                                         "\"]\nexpect = [\"" + rule("five") + "\"]\n");
    }
    void write(std::string_view file, std::string const& text) const {
        std::ignore = folder_.file(file, text);
    }
    [[nodiscard]] std::string page(std::string const& reasons) const {
        write("docs/norm-coverage.toml", reasons);
        return norm_coverage_markdown(folder_.path());
    }
    test::TemporaryFolder folder_;
};

TEST_F(NormCoverageOf, ATreeCountsWhatTestsDeclareAndNotWhatCommentsSay) {
    auto const text = page("[[reason]]\nwhy = \"The hardware's\"\nrules = [\"five\"]\n");
    for (auto const* line :
         {"**4 of 5 rules are proved (80 %).**", "- The hardware's: `five`\n", "| one | `Suite.Holds` |\n",
          "| three | `Model.Agrees` |\n", "| four | `boots` |\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
    EXPECT_EQ(text.find("other"), std::string::npos);
}

TEST_F(NormCoverageOf, ATreeIsRefusedWhereARuleHasNeitherATestNorAReasonOrBoth) {
    EXPECT_THROW(std::ignore = page(""), Failure);
    EXPECT_THROW(std::ignore = page("[[reason]]\nwhy = \"Why\"\nrules = [\"five\", \"four\"]\n"), Failure);
    EXPECT_THROW(std::ignore = page("[[reason]]\nwhy = \"\"\nrules = [\"five\"]\n"), Failure);
}

TEST_F(NormCoverageOf, ATreeIsRefusedWhereLessThanFourFifthsAreProved) {
    write("tests/system/c.toml", "");
    EXPECT_THROW(std::ignore = page("[[reason]]\nwhy = \"Why\"\nrules = [\"four\", \"five\"]\n"), Failure);
}

}  // namespace
}  // namespace antler::cli
