// Tests that sentences suggest what somebody meant, and nothing that nobody meant.
#include "cli/spelling.hpp"

#include <gtest/gtest.h>

#include <array>

namespace antler::cli {
namespace {

constexpr std::array<std::string_view, 3> words{"memory", "harts", "icount"};

TEST(Spelling, CountsLettersLeftOutAddedChangedOrSwapped) {
    EXPECT_EQ(spelling_distance("memory", "memory"), 0u);
    EXPECT_EQ(spelling_distance("memry", "memory"), 1u);
    EXPECT_EQ(spelling_distance("memorry", "memory"), 1u);
    EXPECT_EQ(spelling_distance("memary", "memory"), 1u);
    EXPECT_EQ(spelling_distance("mmeory", "memory"), 1u);
    EXPECT_EQ(spelling_distance("", "abc"), 3u);
    EXPECT_EQ(spelling_distance("abc", ""), 3u);
}

TEST(Spelling, FindsTheNearestWordButNotAFarOne) {
    EXPECT_EQ(nearest_word("meomry", words), "memory");
    EXPECT_EQ(nearest_word("hart", words), "harts");
    EXPECT_EQ(nearest_word("disks", words), "");
    EXPECT_EQ(nearest_word("x", words), "");
}

TEST(Spelling, EndsASentenceWithASuggestionOrWithAllThereIs) {
    EXPECT_EQ(suggestion("memry", words, "there are"), "; did you mean `memory`?");
    EXPECT_EQ(suggestion("network", words, "there are"), "; there are memory, harts and icount.");
}

TEST(Spelling, PutsListsIntoWordsAndTakesThemApart) {
    EXPECT_EQ(enumerate({}), "");
    EXPECT_EQ(enumerate(std::span{words}.first(1)), "memory");
    EXPECT_EQ(enumerate(words, "or"), "memory, harts or icount");
    EXPECT_EQ(split_words("a|bc||d", '|'), (std::vector<std::string_view>{"a", "bc", "d"}));
    EXPECT_TRUE(split_words("", '|').empty());
}

}  // namespace
}  // namespace antler::cli
