// Tests of sizes as people write and read them.
#include "cli/byte_size.hpp"

#include <gtest/gtest.h>

#include "base/units.hpp"

namespace antler::cli {
namespace {

TEST(ByteSize, ReadsDigitsAndOneLetter) {
    EXPECT_EQ(parse_size("4K"), 4_KiB);
    EXPECT_EQ(parse_size("512M"), 512_MiB);
    EXPECT_EQ(parse_size("2G"), 2_GiB);
    EXPECT_EQ(parse_size("1T"), 1024_GiB);
    EXPECT_EQ(parse_size("0M"), 0u);
}

TEST(ByteSize, RefusesEverythingElse) {
    for (auto const* const text : {"", "M", "512", "512MB", "512m", " 512M", "512 M", "-1M", "+1M", "1.5G",
                                   "0x10M", "99999999999999999999M", "16777216T"})
        EXPECT_EQ(parse_size(text), std::nullopt) << text;
}

TEST(ByteSize, ShowsWhatItReadsBack) {
    for (u64 const bytes : {4_KiB, 2_MiB, 512_MiB, 1536_MiB, 3_GiB, 1024_GiB})
        EXPECT_EQ(parse_size(show_size(bytes)), bytes);
    EXPECT_EQ(show_size(1536_MiB), "1536M");
    EXPECT_EQ(show_size(17), "17 bytes");
    EXPECT_EQ(show_size(0), "0 bytes");
}

TEST(ByteSize, RoundsInSentences) {
    EXPECT_EQ(show_rounded_size(512_MiB), "512 MiB");
    EXPECT_EQ(show_rounded_size(31'165'952), "29.7 MiB");
    EXPECT_EQ(show_rounded_size(100), "100 bytes");
}

}  // namespace
}  // namespace antler::cli
