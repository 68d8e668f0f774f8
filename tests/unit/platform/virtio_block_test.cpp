// The driver of the board's disks against our own model of a disk.
#include "platform/virtio_block.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "backend/disk_slice.hpp"
#include "tests/fake/hart.hpp"
#include "tests/fake/virtio_disk.hpp"

namespace antler::platform {
namespace {

using backend::DiskOperation;
using backend::DiskPiece;
using backend::DiskStatus;

struct Client final : backend::DiskClient {
    std::vector<std::pair<u32, DiskStatus>> done{};
    u32 rooms = 0;
    u32 calls = 0;
    void disk_done(std::span<backend::DiskEnd const> ended) override {
        ++calls;
        for (auto const& one : ended) done.emplace_back(one.token, one.status);
    }
    void disk_has_room() override { ++rooms; }
};

struct Desk {
    fake::Board board{};
    fake::VirtioDisk disk{1000};
    memory::Page<memory::Zeroed> pages;
    std::span<u8> memory;
    std::span<u8> data;
    VirtioBlock driver;
    Client client{};

    Desk()
        : pages{board.frames.take_zeroed(memory::Order{5}, memory::house_owner).value()},
          memory{static_cast<u8*>(memory::house_view(pages.start())), memory::Order{5}.bytes()},
          data{memory.subspan(64_KiB)},
          driver{disk, memory.first(64_KiB), Ticks{1000}} {
        static_assert(VirtioBlock::memory_bytes() <= 64_KiB);
        disk.store.shape_.serial = "root-disk";
        for (usize i = 0; i < disk.store.bytes.size(); ++i)
            disk.store.bytes[i] = static_cast<u8>(i / 512 + i);
    }
    ~Desk() { board.frames.give_back(std::move(pages)); }

    [[nodiscard]] DiskPiece piece(u64 at, u32 bytes) const {
        return {memory::house_address(data.data() + at), bytes};
    }
    [[nodiscard]] Result<void> ask(DiskOperation operation, u64 sector, u64 sectors, DiskPiece const& piece,
                                   u32 token) {
        return driver.submit({operation, sector, sectors, {&piece, 1}}, client, token);
    }
};

TEST(VirtioBlock, TellsItsSerialNumberAndItsSize) {
    Desk desk;
    ASSERT_TRUE(desk.driver.open().ok());
    EXPECT_EQ(desk.driver.serial(), "root-disk");
    EXPECT_EQ(desk.driver.shape().sectors, 1000U);
    EXPECT_FALSE(desk.driver.shape().read_only);
    std::vector<u8> wanted{desk.disk.store.bytes.begin() + 512, desk.disk.store.bytes.begin() + 1536};
    ASSERT_TRUE(desk.driver.read_now(1, desk.data.first(1024)).ok());
    EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), desk.data.begin()));
}

// No interrupt of what was read before may be needed for that.
TEST(VirtioBlock, ListensForTheNextRequestAfterWhatItReadByItself) {
    Desk desk;
    ASSERT_TRUE(desk.driver.open().ok());
    for (u64 sector = 1; sector < 4; ++sector)
        ASSERT_TRUE(desk.driver.read_now(sector, desk.data.first(512)).ok());
    EXPECT_FALSE(desk.disk.line);
    ASSERT_TRUE(desk.ask(DiskOperation::read, 0, 1, desk.piece(0, 512), 7).ok());
    desk.driver.go();
    EXPECT_TRUE(desk.disk.line);
}

TEST(VirtioBlock, RequestsEndInAnyOrderAndAreToldOnce) {
    Desk desk;
    ASSERT_TRUE(desk.driver.open().ok());
    desk.disk.at_once = false;
    for (u32 i = 0; i < 8; ++i)
        ASSERT_TRUE(desk.ask(DiskOperation::read, i, 1, desk.piece(512 * i, 512), i).ok());
    EXPECT_TRUE(desk.disk.store.pending.empty()) << "nothing begins before go()";
    desk.driver.go();
    ASSERT_EQ(desk.disk.store.pending.size(), 8U);
    for (auto const index : {5U, 2U, 2U}) desk.disk.store.finish(index);
    desk.disk.work();
    EXPECT_TRUE(desk.disk.line);
    desk.driver.interrupted();
    EXPECT_FALSE(desk.disk.line);
    ASSERT_EQ(desk.client.done.size(), 3U);
    EXPECT_EQ(desk.client.done[0].first, 5U);
    EXPECT_EQ(desk.client.done[1].first, 2U);
    EXPECT_EQ(desk.client.done[2].first, 3U);
    desk.disk.store.finish_all();
    desk.disk.work();
    desk.driver.interrupted();
    EXPECT_EQ(desk.client.done.size(), 8U);
    EXPECT_TRUE(std::equal(desk.data.begin(), desk.data.begin() + 8 * 512, desk.disk.store.bytes.begin()));
}

TEST(VirtioBlock, EachClientHearsOfItsOwnRequestsAndOfThoseThatFollowEachOtherAtOnce) {
    Desk desk;
    ASSERT_TRUE(desk.driver.open().ok());
    desk.disk.at_once = false;
    Client other;
    for (u32 i = 0; i < 6; ++i) {
        auto& client = i < 2 || i == 5 ? desk.client : other;
        auto const piece = desk.piece(512 * i, 512);
        ASSERT_TRUE(desk.driver.submit({DiskOperation::read, i, 1, {&piece, 1}}, client, i).ok());
    }
    desk.driver.go();
    desk.disk.store.finish_all();
    desk.disk.work();
    desk.driver.interrupted();
    using Done = std::vector<std::pair<u32, DiskStatus>>;
    constexpr auto good = DiskStatus::done;
    EXPECT_EQ(desk.client.done, (Done{{0, good}, {1, good}, {5, good}}));
    EXPECT_EQ(other.done, (Done{{2, good}, {3, good}, {4, good}}));
    EXPECT_EQ(desk.client.calls + other.calls, 3U);
}

TEST(VirtioBlock, APartitionLiesInOneStretchOfIt) {
    Desk desk;
    ASSERT_TRUE(desk.driver.open().ok());
    std::array extents{backend::DiskExtent{100, 50, 0}, backend::DiskExtent{300, 50, 0}};
    auto const stretch_of = [&](std::span<backend::DiskExtent> parts) {
        auto const sectors = backend::DiskSlice::check(desk.driver, parts);
        return backend::DiskSlice{desk.driver, parts, sectors.value(), false}.stretch();
    };
    auto const one = stretch_of(std::span{extents}.first(1));
    EXPECT_EQ(one.disk, &desk.driver);
    EXPECT_EQ(one.first, 100U);
    EXPECT_EQ(one.most_sectors, desk.driver.locate(DiskOperation::read, 0, ~u64{0}).sectors);
    EXPECT_EQ(stretch_of(extents).disk, nullptr);
}

TEST(VirtioBlock, AnErrorOfTheDeviceIsAFailure) {
    Desk desk;
    ASSERT_TRUE(desk.driver.open().ok());
    desk.disk.store.bad_sector = 7;
    ASSERT_TRUE(desk.ask(DiskOperation::read, 6, 2, desk.piece(0, 1024), 1).ok());
    ASSERT_TRUE(desk.ask(DiskOperation::read, 8, 2, desk.piece(0, 1024), 2).ok());
    desk.driver.go();
    desk.driver.interrupted();
    ASSERT_EQ(desk.client.done.size(), 2U);
    EXPECT_EQ(desk.client.done[0], std::pair(1U, DiskStatus::failed));
    EXPECT_EQ(desk.client.done[1], std::pair(2U, DiskStatus::done));
}

TEST(VirtioBlock, WhatLiesOutsideOrIsForbiddenNeverReachesTheDevice) {
    Desk desk;
    desk.disk.store.shape_.read_only = true;
    ASSERT_TRUE(desk.driver.open().ok());
    desk.disk.store.log.clear();
    EXPECT_EQ(desk.ask(DiskOperation::read, 999, 2, desk.piece(0, 1024), 0).error(), Error::out_of_range);
    EXPECT_EQ(desk.ask(DiskOperation::read, ~u64{0}, 2, desk.piece(0, 1024), 0).error(), Error::out_of_range);
    EXPECT_EQ(desk.ask(DiskOperation::write, 0, 1, desk.piece(0, 512), 0).error(), Error::denied);
    EXPECT_EQ(desk.ask(DiskOperation::discard, 0, 1, {}, 0).error(), Error::denied);
    desk.driver.go();
    EXPECT_TRUE(desk.disk.store.log.empty());
}

TEST(VirtioBlock, DiscardAndWriteZeroesAndFlush) {
    Desk desk;
    desk.disk.store.shape_.discards = desk.disk.store.shape_.writes_zeroes = true;
    ASSERT_TRUE(desk.driver.open().ok());
    desk.disk.store.log.clear();
    ASSERT_TRUE(desk.driver.submit({DiskOperation::discard, 3, 4, {}}, desk.client, 1).ok());
    ASSERT_TRUE(desk.driver.submit({DiskOperation::write_zeroes, 10, 2, {}}, desk.client, 2).ok());
    ASSERT_TRUE(desk.driver.submit({DiskOperation::flush, 0, 0, {}}, desk.client, 3).ok());
    desk.driver.go();
    desk.driver.interrupted();
    ASSERT_EQ(desk.client.done.size(), 3U);
    for (auto const& done : desk.client.done) EXPECT_EQ(done.second, DiskStatus::done);
    using device::virtio::BlockOperation;
    std::vector<std::pair<BlockOperation, u64>> const wanted{
        {BlockOperation::discard, 3}, {BlockOperation::write_zeroes, 10}, {BlockOperation::flush, 0}};
    EXPECT_EQ(desk.disk.store.log, wanted);
    for (usize i = 0; i < 1024; ++i) EXPECT_EQ(desk.disk.store.bytes[5120 + i], 0);
}

TEST(VirtioBlock, AFullQueueIsBusyAndSaysWhenThereIsRoom) {
    Desk desk;
    ASSERT_TRUE(desk.driver.open().ok());
    desk.disk.at_once = false;
    u32 taken = 0;
    while (desk.ask(DiskOperation::read, 0, 1, desk.piece(0, 512), taken).ok()) ++taken;
    EXPECT_GE(taken, 8U);
    EXPECT_EQ(desk.ask(DiskOperation::read, 0, 1, desk.piece(0, 512), taken).error(), Error::busy);
    Client gone;
    DiskPiece const piece = desk.piece(0, 512);
    EXPECT_EQ(desk.driver.submit({DiskOperation::read, 0, 1, {&piece, 1}}, gone, 0).error(), Error::busy);
    desk.driver.forget(gone);
    desk.driver.go();
    for (u32 i = 0; i < taken; ++i) {
        desk.disk.store.finish_all();
        desk.disk.work();
    }
    desk.driver.interrupted();
    EXPECT_EQ(desk.client.rooms, 1U);
    EXPECT_EQ(gone.rooms, 0U);
    EXPECT_EQ(desk.client.done.size(), taken);
    EXPECT_TRUE(desk.ask(DiskOperation::read, 0, 1, desk.piece(0, 512), 0).ok());
}

// Whether tables are agreed or not: pieces of one request after the other, in slots that had other ones
// before.
void many_shapes(Desk& desk) {
    ASSERT_TRUE(desk.driver.open().ok());
    auto const& bytes = desk.disk.store.bytes;
    for (u32 round = 0; round < 8; ++round) {
        std::vector<DiskPiece> pieces;
        auto const count = round % 3 + 1;
        for (u32 i = 0; i < count; ++i) pieces.push_back(desk.piece(4096 * (count - i), 512 * (i + 1)));
        auto const sectors = count * (count + 1) / 2;
        ASSERT_TRUE(
            desk.driver.submit({DiskOperation::read, round, sectors, pieces}, desk.client, round).ok());
        desk.driver.go();
        desk.driver.interrupted();
        ASSERT_EQ(desk.client.done.back(), std::pair(round, DiskStatus::done));
        auto at = bytes.begin() + round * 512;
        for (u32 i = 0; i < count; ++i) {
            auto const size = 512 * (i + 1);
            EXPECT_TRUE(std::equal(at, at + size, desk.data.begin() + 4096 * (count - i)));
            at += size;
        }
        ASSERT_TRUE(desk.ask(DiskOperation::flush, 0, 0, desk.piece(0, 0), round).ok());
        desk.driver.go();
        desk.driver.interrupted();
        ASSERT_EQ(desk.client.done.back(), std::pair(round, DiskStatus::done));
    }
}

TEST(VirtioBlock, ASlotTakesRequestsOfAllShapes) {
    Desk desk;
    many_shapes(desk);
}

TEST(VirtioBlock, WithoutTablesTheyAreChainsInTheQueue) {
    Desk desk;
    desk.disk.withheld = abi::virtio::feature::indirect_descriptors;
    many_shapes(desk);
}

TEST(VirtioBlock, ADeviceThatEndsWhatNobodyAskedIsReset) {
    for (u32 const index : {1U, 63U, 64U, 127U, 128U, ~0U}) {
        Desk desk;
        ASSERT_TRUE(desk.driver.open().ok());
        desk.disk.store.silent = true;
        ASSERT_TRUE(desk.ask(DiskOperation::read, 0, 1, desk.piece(0, 512), 4).ok());
        desk.driver.go();
        auto* const used = static_cast<u8*>(memory::house_view(desk.disk.place.used));
        u16 shown = 0;
        __builtin_memcpy(&shown, used + 2, 2);
        __builtin_memcpy(used + 4 + 8 * (shown % desk.disk.place.entries), &index, 4);
        ++shown;
        __builtin_memcpy(used + 2, &shown, 2);
        desk.driver.interrupted();
        ASSERT_EQ(desk.client.done.size(), 1U) << index;
        EXPECT_EQ(desk.client.done[0], std::pair(4U, DiskStatus::failed));
        desk.disk.store.silent = false;
        ASSERT_TRUE(desk.ask(DiskOperation::read, 2, 1, desk.piece(0, 512), 5).ok());
        desk.driver.go();
        desk.driver.interrupted();
        EXPECT_EQ(desk.client.done.back(), std::pair(5U, DiskStatus::done));
    }
}

TEST(VirtioBlock, ADeviceThatStaysSilentIsResetAndItsRequestsFail) {
    Desk desk;
    ASSERT_TRUE(desk.driver.open().ok());
    desk.disk.at_once = false;
    desk.disk.store.silent = true;
    fake::hart().now = 10'000;
    ASSERT_TRUE(desk.ask(DiskOperation::read, 0, 1, desk.piece(0, 512), 4).ok());
    desk.driver.go();
    desk.driver.check({10'900});
    EXPECT_TRUE(desk.client.done.empty());
    desk.driver.check({11'900});
    ASSERT_EQ(desk.client.done.size(), 1U);
    EXPECT_EQ(desk.client.done[0], std::pair(4U, DiskStatus::failed));
    // And then it works again.
    desk.disk.store.silent = false;
    ASSERT_TRUE(desk.ask(DiskOperation::read, 2, 1, desk.piece(0, 512), 5).ok());
    desk.disk.at_once = true;
    desk.driver.go();
    desk.driver.interrupted();
    ASSERT_EQ(desk.client.done.size(), 2U);
    EXPECT_EQ(desk.client.done[1], std::pair(5U, DiskStatus::done));
}

}  // namespace
}  // namespace antler::platform
