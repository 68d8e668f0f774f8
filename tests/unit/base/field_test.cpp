// Stretches of bits in registers.
#include "base/field.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace antler {
namespace {

enum class Mode : u8 { bare = 0, sv39x4 = 8, sv48x4 = 9 };
using mode = Field<63, 60, Mode>;
using identifier = Field<57, 44, u16>;
using number = Field<43, 0>;
using flag = Field<5>;
using whole = Field<63, 0>;

TEST(Field, SetsItsOwnBitsAndNoOthers) {
    static_assert(mode::set(0, Mode::sv39x4) == u64{8} << 60);
    static_assert(identifier::mask == 0x03ff'f000'0000'0000);
    static_assert(number::width == 44 && whole::mask == ~u64{0});
    EXPECT_EQ(flag::set(0, true), 0x20u);
    EXPECT_EQ(flag::set(~u64{0}, false), ~u64{0x20});
    EXPECT_EQ(mode::get(u64{9} << 60), Mode::sv48x4);
}

TEST(Field, OfOneBitIsATruthValue) {
    static_assert(std::is_same_v<flag::type, bool>);
    EXPECT_TRUE(flag::get(0x20));
    EXPECT_FALSE(flag::get(~u64{0x20}));
}

TEST(Field, CutsAValueThatIsTooWide) {
    EXPECT_EQ(identifier::set(0, 0xffff), identifier::mask);
    EXPECT_EQ(identifier::get(identifier::set(0, 0xffff)), 0x3fff);
}

TEST(Field, OfASmallRegisterStaysInIt) {
    using low = Field32<7, 0>;
    using top = Field32<31>;
    static_assert(std::is_same_v<decltype(low::set(0, 1)), u32> && top::mask == 0x8000'0000);
    EXPECT_EQ(low::set(0xffff'ffff, 0), 0xffff'ff00u);
    EXPECT_TRUE(top::get(0x8000'0000));
}

TEST(Field, GivesBackWhatWasSetAndLeavesTheRest) {
    EXPECT_TRUE(rc::check([](u64 raw, u16 value) {
        auto const written = identifier::set(raw, value);
        RC_ASSERT(identifier::get(written) == (value & 0x3fff));
        RC_ASSERT((written & ~identifier::mask) == (raw & ~identifier::mask));
        RC_ASSERT(number::get(written) == number::get(raw));
    }));
}

}  // namespace
}  // namespace antler
