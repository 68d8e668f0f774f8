// The page of promises says what its data says, and every test that it names is there.
#include "cli/promises.hpp"

#include <gtest/gtest.h>

#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "tests/unit/cli/temporary_folder.hpp"

namespace antler::cli {
namespace {

TEST(Promises, ThePageIsMadeOfTheData) {
    Path const root{ANTLER_SOURCE_DIR};
    EXPECT_EQ(as_text(read_file(root / "docs/promises.md")), promises_markdown(root))
        << "Run `antler check --promises-markdown > docs/promises.md`.";
}

class PromisesOf : public testing::Test {
protected:
    PromisesOf() {
        write("tests/unit/a_test.cpp", "// A.\nTEST(Suite, Holds) {}\n");
        write("tests/model/b_test.cpp", "// B.\nRC_GTEST_PROP(Model, agrees, ()) {}\n");
        write("tests/system/c.toml", "# C.\n[scenario.one-boots]\n");
        write("tests/fuzz/d/ring.cpp", "// D.\n");
    }
    void write(std::string_view file, std::string const& text) const {
        std::ignore = folder_.file(file, text);
    }
    [[nodiscard]] std::string page(std::string_view promise) const {
        write(
            "docs/promises.toml",
            "[[group]]\ntitle = \"A guest\"\n[[group.promise]]\ntext = \"is kind\"\n" + std::string{promise});
        return promises_markdown(folder_.path());
    }
    test::TemporaryFolder folder_;
};

TEST_F(PromisesOf, ATreeNameTestsOfEveryKind) {
    auto const text =
        page("unit = [\"Suite.Holds\", \"Model\"]\nsystem = [\"one-boots\"]\nfuzz = [\"ring\"]\n");
    EXPECT_NE(text.find("**1.** … is kind.\n  unit test: `Suite.Holds`, `Model`\n  scenario: `one-boots`\n"
                        "  fuzzer: `ring`\n"),
              std::string::npos)
        << text;
}

TEST_F(PromisesOf, ATreeAreRefusedWithATestThatIsNotThereOrWithoutAny) {
    EXPECT_THROW(std::ignore = page("unit = [\"Suite.Hold\"]\n"), Failure);
    EXPECT_THROW(std::ignore = page("system = [\"one\"]\n"), Failure);
    EXPECT_THROW(std::ignore = page(""), Failure);
}

}  // namespace
}  // namespace antler::cli
