// Tests that the table of keys is sound, and that docs/configuration.md is made from it.
#include "cli/schema.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cli/file.hpp"

namespace antler::cli {
namespace {

TEST(Schema, TheDocumentationIsMadeFromIt) {
    EXPECT_EQ(as_text(read_file(Path{ANTLER_SOURCE_DIR} / "docs/configuration.md")), schema_markdown())
        << "Run `antler check --schema-markdown > docs/configuration.md`.";
}

TEST(Schema, EveryKeyStandsThereOnceAndIsNoTableOfOthers) {
    std::set<std::pair<Section, std::string_view>> seen;
    for (auto const& row : schema()) {
        EXPECT_TRUE(seen.emplace(row.section, row.key).second) << row.key;
        for (auto const& other : schema())
            if (other.section == row.section)
                EXPECT_FALSE(other.key.starts_with(std::string{row.key} + "."))
                    << row.key << " and " << other.key;
        EXPECT_EQ(find_row(row.section, row.key), &row);
    }
    EXPECT_EQ(find_row(Section::machine, "payload.kernel"), nullptr);
}

TEST(Schema, EveryRowHasASentenceAndAWayToStoreIt) {
    for (auto const& row : schema()) {
        EXPECT_FALSE(row.sentence.empty()) << row.key;
        EXPECT_TRUE(row.sentence.ends_with('.') || row.sentence.ends_with("…")) << row.key;
        EXPECT_EQ(row.sentence.find('|'), std::string_view::npos) << row.key << ": it would break the table";
        EXPECT_NE(row.store, nullptr) << row.key;
        if (row.shape == Shape::number || row.shape == Shape::size) {
            EXPECT_LT(row.least, row.most) << row.key;
        }
        if (row.shape == Shape::word) {
            EXPECT_FALSE(row.words.empty()) << row.key;
        }
    }
}

TEST(Schema, ShapesAreDescribedForSentences) {
    EXPECT_EQ(describe_shape(*find_row(Section::machine, "harts")), "a whole number from 1 to 64");
    EXPECT_EQ(describe_shape(*find_row(Section::machine, "memory")),
              "a size from \"64M\" to \"1T\", a multiple of \"2M\"");
    EXPECT_EQ(describe_shape(*find_row(Section::machine, "aia")), "\"none\", \"aplic\" or \"aplic-imsic\"");
    EXPECT_EQ(describe_shape(*find_row(Section::machine, "qemu_args")), "an array of texts");
    EXPECT_EQ(describe_shape(*find_row(Section::hypervisor, "ignore")),
              "an array with any of \"htinst\" and \"htval\"");
    EXPECT_EQ(describe_shape(*find_row(Section::machine, "icount")), "true or false");
    EXPECT_EQ(describe_shape(*find_row(Section::machine, "cpu")), "a text");
}

}  // namespace
}  // namespace antler::cli
