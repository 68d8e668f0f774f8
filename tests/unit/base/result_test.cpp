// A value or the reason there is none.
#include "base/result.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "base/match.hpp"
#include "base/seams.hpp"

namespace antler {
namespace {

Result<int> half(int n) {
    if (n % 2 != 0) return Err{Error::misaligned};
    return n / 2;
}

Result<int> quarter(int n) {
    auto const first = TRY(half(n));
    return TRY(half(first));
}

Result<void> must_be_even(int n) {
    TRY(half(n));
    return {};
}

Result<int> after_check(int n) {
    TRY(must_be_even(n));
    return n + 1;
}

TEST(Result, HasAValueOrAnError) {
    EXPECT_TRUE(half(4));
    EXPECT_EQ(half(4).value(), 2);
    EXPECT_FALSE(half(5).ok());
    EXPECT_EQ(half(5).error(), Error::misaligned);
    EXPECT_EQ(half(5).value_or(7), 7);
    EXPECT_EQ(half(6).value_or(7), 3);
}

TEST(Result, TryHandsTheReasonToTheCaller) {
    EXPECT_EQ(quarter(8).value(), 2);
    EXPECT_EQ(quarter(7).error(), Error::misaligned);
    EXPECT_EQ(quarter(6).error(), Error::misaligned);
}

TEST(Result, OfNothingIsAnAnswerToo) {
    EXPECT_TRUE(must_be_even(2));
    EXPECT_EQ(must_be_even(3).error(), Error::misaligned);
    EXPECT_EQ(after_check(4).value(), 5);
    EXPECT_EQ(after_check(5).error(), Error::misaligned);
}

TEST(Result, TryMovesAValueThatHasOneOwner) {
    auto const make = [](bool good) -> Result<std::unique_ptr<int>> {
        if (!good) return Err{Error::no_memory};
        return std::make_unique<int>(5);
    };
    auto const twice = [&](bool good) -> Result<int> {
        auto owned = TRY(make(good));
        return *owned * 2;
    };
    EXPECT_EQ(twice(true).value(), 10);
    EXPECT_EQ(twice(false).error(), Error::no_memory);
}

TEST(Result, CanHoldAnErrorAsItsValue) {
    Result<Error> const found{Error::busy};
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found.value(), Error::busy);
}

TEST(Result, EveryErrorHasWordsOfItsOwn) {
    std::set<std::string> words;
    for (u8 code = 0; code <= static_cast<u8>(Error::io); ++code)
        EXPECT_TRUE(words.insert(describe(static_cast<Error>(code))).second) << unsigned{code};
    EXPECT_FALSE(words.contains("unknown error"));
}

TEST(ResultDeathTest, AskingForTheHalfThatIsNotThereTraps) {
    EXPECT_DEATH((void)half(5).value(), "");
    EXPECT_DEATH((void)half(4).error(), "");
}

TEST(Match, CallsTheBranchOfWhatTheVariantHolds) {
    using Any = std::variant<int, std::string, double>;
    auto const name = [](Any const& any) {
        return match(any, overloaded{[](int) { return 'i'; }, [](std::string const&) { return 's'; },
                                     [](double) { return 'd'; }});
    };
    EXPECT_EQ(name(1), 'i');
    EXPECT_EQ(name(std::string{"x"}), 's');
    EXPECT_EQ(name(1.5), 'd');
}

TEST(Match, LetsTheBranchChangeTheValue) {
    std::variant<int, std::string> any{std::string{"a"}};
    match(any, overloaded{[](int& n) { ++n; }, [](std::string& s) { s += "b"; }});
    EXPECT_EQ(std::get<std::string>(any), "ab");
}

struct PlainMemory {
    Result<void> read(Gpa, std::span<u8>) { return {}; }
    Result<void> write(Gpa, std::span<u8 const>) { return {}; }
};
struct PlainLine {
    void set(bool) {}
};
static_assert(GuestMemory<PlainMemory> && !GuestMemory<PlainLine>);
static_assert(IrqLine<PlainLine> && !IrqLine<PlainMemory>);

}  // namespace
}  // namespace antler
