// The memory functions of the machine, compiled here under other names beside the host's own.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <string.h>

#include <algorithm>
#include <string>
#include <vector>

#define memcpy machine_memcpy
#define memmove machine_memmove
#define memset machine_memset
#define memcmp machine_memcmp
#define memchr machine_memchr
#define strlen machine_strlen
#define strcmp machine_strcmp
#include "base/string.cpp"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strcmp

namespace {

constexpr usize most = 300;  // more than the longest block, at any alignment

std::vector<u8> counted() {
    std::vector<u8> bytes(most + 64);
    for (usize i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<u8>(i * 7 + 1);
    return bytes;
}

int sign(int n) {
    return (n > 0) - (n < 0);
}

TEST(MemoryFunctions, CopyEveryLengthAtEveryAlignment) {
    auto const from = counted();
    for (usize a = 0; a < 9; ++a)
        for (usize b = 0; b < 9; ++b)
            for (usize n = 0; n < most; n += n < 20 ? 1 : 13) {
                std::vector<u8> to(from.size(), 0xee);
                auto expected = to;
                std::copy_n(from.begin() + static_cast<long>(a), n, expected.begin() + static_cast<long>(b));
                ASSERT_EQ(machine_memcpy(to.data() + b, from.data() + a, n), to.data() + b);
                ASSERT_EQ(to, expected) << a << ' ' << b << ' ' << n;
            }
}

TEST(MemoryFunctions, MoveOverThemselves) {
    for (usize a = 0; a < 20; ++a)
        for (usize b = 0; b < 20; ++b)
            for (usize n = 0; n < most; n += n < 20 ? 1 : 17) {
                auto bytes = counted();
                auto expected = bytes;
                memmove(expected.data() + b, expected.data() + a, n);
                ASSERT_EQ(machine_memmove(bytes.data() + b, bytes.data() + a, n), bytes.data() + b);
                ASSERT_EQ(bytes, expected) << a << ' ' << b << ' ' << n;
            }
}

TEST(MemoryFunctions, FillEveryLengthAtEveryAlignment) {
    for (usize a = 0; a < 9; ++a)
        for (usize n = 0; n < most; ++n) {
            auto bytes = counted();
            auto expected = bytes;
            std::fill_n(expected.begin() + static_cast<long>(a), n, u8{0xa5});
            ASSERT_EQ(machine_memset(bytes.data() + a, 0xfa5, n), bytes.data() + a);
            ASSERT_EQ(bytes, expected) << a << ' ' << n;
        }
}

TEST(MemoryFunctions, CompareAsUnsignedBytes) {
    EXPECT_EQ(machine_memcmp("abc", "abd", 2), 0);
    EXPECT_LT(machine_memcmp("abc", "abd", 3), 0);
    EXPECT_GT(machine_memcmp("\xff", "\x01", 1), 0);
    EXPECT_EQ(machine_memcmp("a", "b", 0), 0);
    EXPECT_TRUE(rc::check([](std::vector<u8> const& a, std::vector<u8> const& b) {
        auto const n = std::min(a.size(), b.size());
        if (n != 0)
            RC_ASSERT(sign(machine_memcmp(a.data(), b.data(), n)) == sign(memcmp(a.data(), b.data(), n)));
    }));
}

TEST(MemoryFunctions, FindTheFirstByteOrNone) {
    char const text[] = "hypervisor";
    EXPECT_EQ(machine_memchr(text, 'r', sizeof text), text + 4);
    EXPECT_EQ(machine_memchr(text, 'z', sizeof text), nullptr);
    EXPECT_EQ(machine_memchr(text, 'h', 0), nullptr);
    EXPECT_EQ(machine_memchr(text, 0x100 + 'y', sizeof text), text + 1);
}

TEST(TextFunctions, MeasureAndCompare) {
    EXPECT_EQ(machine_strlen(""), 0u);
    EXPECT_EQ(machine_strlen("antler"), 6u);
    EXPECT_EQ(machine_strcmp("antler", "antler"), 0);
    EXPECT_LT(machine_strcmp("ant", "antler"), 0);
    EXPECT_GT(machine_strcmp("b", "antler"), 0);
    EXPECT_GT(machine_strcmp("\xff", "a"), 0);
}

}  // namespace
