// Partition tables: right ones, and every byte of them wrong.
#include "backend/gpt.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace antler::backend {
namespace {

// The first sectors of a disk with two partitions.
struct Table {
    std::vector<u8> bytes = std::vector<u8>(34 * 512);
    static constexpr u64 disk_sectors = 20'000;

    Table() {
        std::memcpy(header(), "EFI PART", 8);
        put32(512 + 8, 0x10000);
        put32(512 + 12, 92);
        put64(512 + 24, 1);
        put64(512 + 32, disk_sectors - 1);
        put64(512 + 40, 34);
        put64(512 + 48, disk_sectors - 34);
        put64(512 + 72, 2);
        put32(512 + 80, 128);
        put32(512 + 84, 128);
        partition(0, 40, 99, "root");
        partition(5, 100, 199, "home");
        seal();
    }
    [[nodiscard]] u8* header() { return bytes.data() + 512; }
    void put32(usize at, u32 value) {
        for (usize i = 0; i < 4; ++i) bytes[at + i] = static_cast<u8>(value >> 8 * i);
    }
    void put64(usize at, u64 value) {
        put32(at, static_cast<u32>(value));
        put32(at + 4, static_cast<u32>(value >> 32));
    }
    void partition(usize index, u64 first, u64 last, std::string const& label) {
        auto const at = 1024 + 128 * index;
        for (usize i = 0; i < 16; ++i) bytes[at + i] = 0x11;
        for (usize i = 0; i < 16; ++i) bytes[at + 16 + i] = static_cast<u8>(16 * index + i);
        put64(at + 32, first);
        put64(at + 40, last);
        for (usize i = 0; i < label.size(); ++i) bytes[at + 56 + 2 * i] = static_cast<u8>(label[i]);
    }
    void seal() {
        put32(512 + 88, crc32(std::span{bytes}.subspan(1024, 128 * 128)));
        put32(512 + 16, 0);
        put32(512 + 16, crc32(std::span{bytes}.subspan(512, 92)));
    }
    [[nodiscard]] Result<GptHeader> read() {
        return read_gpt_header(std::span{bytes}.subspan(512, 512), 1, disk_sectors);
    }
};

TEST(Gpt, TheSumIsThatOfEthernet) {
    std::string_view const text = "123456789";
    EXPECT_EQ(crc32({reinterpret_cast<u8 const*>(text.data()), text.size()}), 0xcbf43926U);
}

TEST(Gpt, PartitionsAreFoundByLabelAndByUuid) {
    Table table;
    auto const header = table.read();
    ASSERT_TRUE(header.ok());
    EXPECT_EQ(header.value().entries_sector, 2U);
    std::array<Partition, 8> found{};
    auto const count = read_gpt_entries(header.value(), std::span{table.bytes}.subspan(1024), found);
    ASSERT_TRUE(count.ok());
    ASSERT_EQ(count.value(), 2U);
    EXPECT_EQ(found[0].first, 40U);
    EXPECT_EQ(found[0].sectors, 60U);
    EXPECT_TRUE(found[0].is_called("root"));
    EXPECT_FALSE(found[0].is_called("roo"));
    EXPECT_FALSE(found[0].is_called(""));
    EXPECT_TRUE(found[1].is_called("home"));
    EXPECT_TRUE(found[1].is_called("53525150-5554-5756-5859-5a5b5c5d5e5f"));
    EXPECT_TRUE(found[1].is_called("53525150-5554-5756-5859-5A5B5C5D5E5F"));
    EXPECT_FALSE(found[1].is_called("53525150-5554-5756-5859-5a5b5c5d5e5e"));
    std::array<Partition, 1> one{};
    EXPECT_EQ(read_gpt_entries(header.value(), std::span{table.bytes}.subspan(1024), one).value(), 1U);
}

TEST(Gpt, AnyWrongByteOfTheHeaderIsFound) {
    for (usize at = 0; at < 92; ++at) {
        Table table;
        table.header()[at] ^= 0x40;
        EXPECT_FALSE(table.read().ok()) << at;
    }
}

TEST(Gpt, AnyWrongByteOfTheEntriesIsFound) {
    Table table;
    auto const header = table.read().value();
    std::array<Partition, 4> found{};
    for (usize at = 0; at < 128 * 128; at += 37) {
        table.bytes[1024 + at] ^= 1;
        EXPECT_FALSE(read_gpt_entries(header, std::span{table.bytes}.subspan(1024), found).ok()) << at;
        table.bytes[1024 + at] ^= 1;
    }
}

TEST(Gpt, NumbersThatMakeNoSenseAreRefusedThoughTheSumIsRight) {
    auto const refuses = [](auto&& change) {
        Table table;
        change(table);
        table.seal();
        return !table.read().ok();
    };
    EXPECT_TRUE(refuses([](Table& t) { t.put64(512 + 24, 2); })) << "another place";
    EXPECT_TRUE(refuses([](Table& t) { t.put64(512 + 48, Table::disk_sectors); })) << "beyond the disk";
    EXPECT_TRUE(refuses([](Table& t) { t.put64(512 + 40, ~u64{0}); }));
    EXPECT_TRUE(refuses([](Table& t) { t.put64(512 + 72, Table::disk_sectors - 1); }));
    EXPECT_TRUE(refuses([](Table& t) { t.put64(512 + 72, ~u64{0}); }));
    EXPECT_TRUE(refuses([](Table& t) { t.put32(512 + 84, 64); })) << "entries too small";
    EXPECT_TRUE(refuses([](Table& t) { t.put32(512 + 84, 130); }));
    EXPECT_TRUE(refuses([](Table& t) { t.put32(512 + 80, ~u32{0}); })) << "too many";
}

TEST(Gpt, EntriesOutsideTheUsableSectorsAreLeftOut) {
    Table table;
    table.partition(1, 10, 20, "early");
    table.partition(2, 300, 200, "backwards");
    table.partition(3, 300, ~u64{0}, "endless");
    table.seal();
    std::array<Partition, 8> found{};
    auto const count = read_gpt_entries(table.read().value(), std::span{table.bytes}.subspan(1024), found);
    EXPECT_EQ(count.value(), 2U);
}

}  // namespace
}  // namespace antler::backend
