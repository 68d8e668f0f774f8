// Flash as EDK2, U-Boot and Linux drive it: programmed by words and buffers, erased by sectors, asked what it
// is.
#include "device/cfi_flash.hpp"

#include <gtest/gtest.h>

#include <vector>

using namespace antler;
using namespace antler::device;

namespace {

constexpr u32 sector = CfiFlash::sector_bytes;

struct Kept : testing::Test {
    std::vector<u8> bytes = std::vector<u8>(3 * sector, 0xff);
    CfiFlash flash{FlashArray::kept(bytes)};

    void put(Offset at, u32 value) { ASSERT_TRUE(flash.write(at, Width::word, value).ok()); }
    void tell(Offset at, u8 command) { put(at, command | u32{command} << 16); }
    u64 get(Offset at, Width width = Width::word) { return flash.read(at, width).value(); }
    u64 status() {
        tell(0, 0x70);
        return get(0);
    }
    void program(Offset at, u32 value) {
        tell(at, 0x40);
        put(at, value);
    }
    void erase(Offset at) {
        tell(at, 0x20);
        tell(at, 0xd0);
    }
};

TEST_F(Kept, ShowsItsCellsInEveryWidth) {
    bytes[0x1000] = 0x12;
    bytes[0x1001] = 0x34;
    EXPECT_EQ(get(0x1000), 0xffff3412u);
    EXPECT_EQ(get(0x1001, Width::byte), 0x34u);
    EXPECT_EQ(get(0x1000, Width::half), 0x3412u);
    EXPECT_EQ(get(0x1000, Width::doubleword), 0xffff'ffff'ffff'3412u);
    EXPECT_EQ(get(3 * sector), 0xffff'ffffu) << "beyond what is kept it is erased";
    EXPECT_TRUE(flash.is_readable());
}

TEST_F(Kept, ProgramsAWordByClearingBits) {
    program(0x40, 0x1234'5678);
    EXPECT_FALSE(flash.is_readable());
    EXPECT_EQ(get(0x40), 0x0080'0080u);
    tell(0, 0xff);
    EXPECT_EQ(get(0x40), 0x1234'5678u);
    program(0x40, 0xffff'0000);
    tell(0, 0xff);
    EXPECT_EQ(get(0x40), 0x1234'0000u);
}

TEST_F(Kept, ProgramsABufferAndLeavesWhatItDoesNotNameAlone) {
    auto const at = sector + 128 * 3;
    tell(at, 0xe8);
    EXPECT_EQ(get(at), 0x0080'0080u) << "the buffer is there";
    put(at, 3 | 3 << 16);
    for (u32 i = 0; i < 4; ++i) put(at + 4 * (i + 2), 0x1111'1111 * (i + 1));
    tell(at, 0xd0);
    EXPECT_EQ(status(), 0x0080'0080u);
    tell(0, 0xff);
    EXPECT_EQ(get(at + 4), 0xffff'ffffu);
    for (u32 i = 0; i < 4; ++i) EXPECT_EQ(get(at + 4 * (i + 2)), 0x1111'1111u * (i + 1));
    EXPECT_EQ(get(at + 4 * 6), 0xffff'ffffu);
}

TEST_F(Kept, RefusesABufferThatIsTooLarge) {
    tell(0, 0xe8);
    put(0, 32 | 32 << 16);
    EXPECT_EQ(status(), 0x00b0'00b0u);
    tell(0, 0x50);
    EXPECT_EQ(status(), 0x0080'0080u);
}

TEST_F(Kept, LosesAWordThatIsNotOfTheBuffer) {
    tell(0, 0xe8);
    put(0, 1 | 1 << 16);
    put(0, 0);
    put(128, 0);
    tell(0, 0xd0);
    EXPECT_EQ(status(), 0x0090'0090u);
    EXPECT_EQ(bytes[0], 0);
    EXPECT_EQ(bytes[128], 0xff);
}

TEST_F(Kept, WritesNothingWhenABufferIsNotConfirmed) {
    tell(0, 0xe8);
    put(0, 0);
    put(0, 0);
    tell(0, 0xff);
    EXPECT_EQ(status(), 0x00b0'00b0u);
    EXPECT_EQ(bytes[0], 0xff);
}

TEST_F(Kept, ErasesTheSectorThatIsNamedAndNoOther) {
    std::ranges::fill(bytes, u8{0});
    erase(sector + 4);
    EXPECT_EQ(status(), 0x0080'0080u);
    EXPECT_EQ(bytes[sector - 1], 0);
    EXPECT_EQ(bytes[sector], 0xff);
    EXPECT_EQ(bytes[2 * sector - 1], 0xff);
    EXPECT_EQ(bytes[2 * sector], 0);
    tell(0, 0x20);
    tell(0, 0x10);
    EXPECT_EQ(status(), 0x00b0'00b0u) << "not confirmed";
    EXPECT_EQ(bytes[0], 0);
}

TEST_F(Kept, SaysWhatItIs) {
    tell(0x55 * 4, 0x98);
    auto const said = [&](u32 index) { return static_cast<u8>(get(index * 4)); };
    EXPECT_EQ(get(0x10 * 4), u32{'Q'} | u32{'Q'} << 16);
    EXPECT_EQ(said(0x11), 'R');
    EXPECT_EQ(said(0x12), 'Y');
    EXPECT_EQ(said(0x13), 1);
    EXPECT_EQ(2u << said(0x27), CfiFlash::region_bytes);
    EXPECT_EQ(2u << said(0x2a), CfiFlash::buffer_bytes);
    EXPECT_EQ((said(0x2d) + 1u) * sector, CfiFlash::region_bytes);
    EXPECT_EQ((said(0x2f) | u32{said(0x30)} << 8) * 256 * 2, sector);
    EXPECT_EQ(said(0x1000), 0);
    tell(0, 0x90);
    EXPECT_EQ(get(0), 0x0089'0089u);
    EXPECT_EQ(get(4), 0x0018'0018u);
    EXPECT_EQ(get(sector + 8), 0u) << "no sector is locked";
    tell(0, 0x60);
    tell(0, 0xd0);
    EXPECT_EQ(status(), 0x0080'0080u);
}

TEST_F(Kept, CopiesWhatChangedAsItWasAndTellsItAgainWhenItCouldNotBeKept) {
    std::vector<u8> copy(bytes.size());
    EXPECT_FALSE(flash.cells().has_changed());
    program(0x1ffc, 0);
    program(0x2000, 0);
    auto const pages = flash.cells().begin_copy(copy);
    EXPECT_EQ(pages[0], 6U);
    EXPECT_FALSE(flash.cells().has_changed());
    program(0x2004, 0x1234'5678);
    erase(0);
    EXPECT_TRUE(flash.cells().copy_some(0)) << "what changes is copied before";
    EXPECT_EQ(copy[0x2000], 0);
    EXPECT_EQ(copy[0x2004], 0xff);
    EXPECT_EQ(copy[0x1ffc], 0);
    EXPECT_TRUE(flash.cells().has_changed());
    auto const more = flash.cells().begin_copy(copy);
    EXPECT_EQ(more[0], ~u64{0}) << "a sector has 64 pages";
    EXPECT_FALSE(flash.cells().copy_some(63));
    EXPECT_TRUE(flash.cells().copy_some(1));
    EXPECT_EQ(copy[0x2000], 0xff);
    flash.cells().put_back(more);
    EXPECT_TRUE(flash.cells().has_changed());
}

TEST(Fixed, ChangesForNobody) {
    std::vector<u8> const bytes(5000, 0x55);
    CfiFlash flash{FlashArray::fixed(bytes)};
    auto const put = [&](u32 value) { ASSERT_TRUE(flash.write(0, Width::word, value).ok()); };
    put(0x0040'0040);
    put(0);
    EXPECT_EQ(flash.read(0, Width::word).value(), 0x0092'0092u);
    put(0x0050'0050);
    put(0x0020'0020);
    put(0x00d0'00d0);
    EXPECT_EQ(flash.read(0, Width::word).value(), 0x00a2'00a2u);
    put(0x00ff'00ff);
    EXPECT_EQ(flash.read(0, Width::word).value(), 0x5555'5555u);
    EXPECT_EQ(flash.read(4996, Width::doubleword).value(), 0xffff'ffff'5555'5555u);
}

TEST_F(Kept, AnswersNothingBeyondItsEnd) {
    EXPECT_FALSE(flash.read(CfiFlash::region_bytes - 4, Width::doubleword).ok());
    EXPECT_FALSE(flash.write(CfiFlash::region_bytes - 2, Width::word, 0).ok());
    EXPECT_FALSE(flash.write(0, Width::doubleword, 0).ok());
}

}  // namespace
