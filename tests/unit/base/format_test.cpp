// Text without a heap.
#include "base/format.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace antler {
namespace {

template <class... Values>
std::string printed(std::string_view format, Values const&... values) {
    TextBuffer<256> buffer;
    print(buffer, format, values...);
    return std::string{buffer.view()};
}

TEST(Print, PutsValuesBetweenTheWords) {
    EXPECT_EQ(printed("vm {} has {} harts", "web", 2u), "vm web has 2 harts");
    EXPECT_EQ(printed("{}{}", 1, 2), "12");
    EXPECT_EQ(printed("plain"), "plain");
    EXPECT_EQ(printed(""), "");
}

TEST(Print, KnowsNumbersOfEverySign) {
    EXPECT_EQ(printed("{} {}", 0, -1), "0 -1");
    EXPECT_EQ(printed("{}", std::numeric_limits<i64>::min()), "-9223372036854775808");
    EXPECT_EQ(printed("{}", std::numeric_limits<u64>::max()), "18446744073709551615");
    EXPECT_EQ(printed("{} {}", true, false), "yes no");
}

TEST(Print, WritesHexadecimalForMachines) {
    EXPECT_EQ(printed("{:x}", 0xdead'beefu), "0xdeadbeef");
    EXPECT_EQ(printed("{:x}", 0u), "0x0");
    EXPECT_EQ(printed("{:016x}", 0x1234u), "0000000000001234");
    EXPECT_EQ(printed("{:016x}", ~u64{0}), "ffffffffffffffff");
    EXPECT_EQ(printed("{:x}", Gpa{0x8000'0000}), "0x80000000");
}

TEST(Print, ShowsBracesThatHaveNoValue) {
    EXPECT_EQ(printed("{} {}", 1), "1 {}");
    EXPECT_EQ(printed("open { brace", 1), "open { brace");
    EXPECT_EQ(printed("{"), "{");
}

TEST(Print, DoesNotLookForBracesInValues) {
    EXPECT_EQ(printed("{} {}", "{}", "x"), "{} x");
}

TEST(TextBuffer, KeepsWhatFits) {
    TextBuffer<4> buffer;
    buffer.write("abc");
    buffer.write("def");
    EXPECT_EQ(buffer.view(), "abcd");
    buffer.clear();
    EXPECT_EQ(buffer.view(), "");
}

}  // namespace
}  // namespace antler
