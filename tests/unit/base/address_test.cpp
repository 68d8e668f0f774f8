// Addresses and ranges of them.
#include "base/address.hpp"

#include <gtest/gtest.h>

#include "base/units.hpp"

namespace antler {
namespace {

constexpr u64 last = ~u64{0};

TEST(Address, KnowsItsAlignment) {
    constexpr Gpa at{0x8020'1234};
    static_assert(at.align_down(page_bytes) == Gpa{0x8020'1000});
    static_assert(at.align_up(page_bytes) == Gpa{0x8020'2000});
    static_assert(at.offset_in(page_bytes) == 0x234);
    static_assert(!at.is_aligned(page_bytes) && at.is_aligned(4));
    EXPECT_EQ(Gpa{0x1000}.align_up(page_bytes), Gpa{0x1000});
    EXPECT_EQ(Gpa{}.align_up(page_bytes), Gpa{});
}

TEST(Address, CannotBecomeAnAddressOfAnotherSpace) {
    static_assert(!std::is_constructible_v<Hpa, Gpa> && !std::is_constructible_v<Gpa, Gva>);
    static_assert(!std::is_convertible_v<u64, Hpa> && !std::is_assignable_v<Hpa&, Gpa>);
    static_assert(std::is_trivially_copyable_v<Gpa> && sizeof(Gpa) == 8);
}

TEST(Address, IsOrderedAndCounts) {
    EXPECT_LT(Hpa{1}, Hpa{2});
    EXPECT_EQ(Hpa{0x1000} + 0x234, Hpa{0x1234});
    EXPECT_EQ(Hpa{0x1234} - Hpa{0x1000}, 0x234u);
    EXPECT_EQ(Hpa{0x1234} - 0x234, Hpa{0x1000});
}

TEST(Range, HoldsItsFirstAddressAndNotItsEnd) {
    constexpr GpaRange range{Gpa{0x8000'0000}, 1_GiB};
    EXPECT_TRUE(range.contains(Gpa{0x8000'0000}));
    EXPECT_TRUE(range.contains(Gpa{0xbfff'ffff}));
    EXPECT_FALSE(range.contains(Gpa{0xc000'0000}));
    EXPECT_FALSE(range.contains(Gpa{0x7fff'ffff}));
}

TEST(Range, HoldsAStretchOnlyAsAWhole) {
    constexpr GpaRange range{Gpa{0x1000}, 0x1000};
    EXPECT_TRUE(range.contains(Gpa{0x1000}, 0x1000));
    EXPECT_TRUE(range.contains(Gpa{0x1ff8}, 8));
    EXPECT_FALSE(range.contains(Gpa{0x1ff9}, 8));
    EXPECT_FALSE(range.contains(Gpa{0xfff}, 2));
    // A length that wraps round the address space is not inside.
    EXPECT_FALSE(range.contains(Gpa{0x1800}, last));
    EXPECT_FALSE(range.contains(Gpa{last}, 2));
}

TEST(Range, AtTheTopOfTheAddressSpaceDoesNotWrap) {
    constexpr HpaRange top{Hpa{last - 0xfff}, 0x1000};
    EXPECT_FALSE(top.wraps());
    EXPECT_TRUE(top.contains(Hpa{last}));
    EXPECT_TRUE(top.contains(Hpa{last - 7}, 8));
    EXPECT_FALSE(top.contains(Hpa{0}));
    EXPECT_TRUE((HpaRange{Hpa{last}, 2}).wraps());
    EXPECT_FALSE((HpaRange{Hpa{last}, 0}).wraps());
}

TEST(Range, OverlapsWhatSharesAByteWithIt) {
    constexpr GpaRange a{Gpa{0x1000}, 0x1000};
    EXPECT_TRUE(a.overlaps({Gpa{0x1fff}, 1}));
    EXPECT_TRUE(a.overlaps({Gpa{0}, 0x1001}));
    EXPECT_TRUE(a.overlaps({Gpa{0}, 0x10000}));
    EXPECT_TRUE((GpaRange{Gpa{0}, 0x10000}).overlaps(a));
    EXPECT_FALSE(a.overlaps({Gpa{0x2000}, 0x1000}));
    EXPECT_FALSE(a.overlaps({Gpa{0}, 0x1000}));
    EXPECT_FALSE(a.overlaps({Gpa{0x1800}, 0}));
    EXPECT_FALSE((GpaRange{Gpa{0x1800}, 0}).overlaps(a));
}

}  // namespace
}  // namespace antler
