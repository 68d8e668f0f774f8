// Requests of a VM's disk on their way: where their memory lies, and how they are counted meanwhile.
#include "vm/disk_drive.hpp"

#include <algorithm>
#include <vector>

#include "tests/unit/vm/world.hpp"

namespace antler::vm {
namespace {

using backend::DiskEnd;
using backend::DiskOperation;
using backend::DiskPiece;
using backend::DiskRequest;
using backend::DiskStatus;
using device::virtio::BlockOperation;
using device::virtio::BlockRequest;
using device::virtio::BlockStatus;
using device::virtio::Segment;

constexpr Gpa data{World::code + (u64{1} << 20)};

struct Asked {
    backend::DiskClient* client = nullptr;
    u32 token = 0;
    DiskRequest request{};
    std::vector<DiskPiece> pieces{};
};

struct Kept final : backend::Disk {
    explicit Kept(bool whole) : in_one_stretch{whole} {}
    std::vector<Asked> asked{};
    u32 gone = 0;
    bool at_once = false;
    bool in_one_stretch;
    Error refusal = Error::busy;
    bool refuses = false;

    [[nodiscard]] backend::DiskShape shape() const override { return {.sectors = 1000, .discards = true}; }
    [[nodiscard]] backend::DiskTarget locate(DiskOperation, u64 sector, u64 sectors) override {
        return {this, sector + 5000, sectors};
    }
    [[nodiscard]] backend::DiskStretch stretch() override {
        return in_one_stretch ? backend::DiskStretch{this, 5000, 100} : backend::DiskStretch{};
    }
    [[nodiscard]] Result<void> submit(DiskRequest const& request, backend::DiskClient& client,
                                      u32 token) override {
        if (refuses) return Err{refusal};
        asked.push_back({&client, token, request, {request.pieces.begin(), request.pieces.end()}});
        if (at_once) client.disk_done(std::array{DiskEnd{token, DiskStatus::done}});
        return {};
    }
    void go() override { ++gone; }
    void forget(backend::DiskClient& /*client*/) override {}

    // All that is under way ends, together.
    void end_all() {
        std::vector<DiskEnd> ends;
        ends.reserve(asked.size());
        for (auto const& one : asked) ends.push_back({one.token, DiskStatus::done});
        auto* const client = asked.front().client;
        asked.clear();
        client->disk_done(ends);
    }
};

struct Desk {
    World world{};
    Vm& vm;
    Kept disk;
    DiskWire wire;

    explicit Desk(bool in_one_stretch = true)
        : vm{world.add()}, disk{in_one_stretch}, wire{(world.start(vm), vm), disk, "serial"} {}

    [[nodiscard]] Result<u64> ask(u32 slot, BlockOperation operation, u64 sector, u64 sectors,
                                  std::vector<Segment> const& segments, u32 offset = 0) {
        return wire.submit(slot, BlockRequest{operation, sector, sectors, segments, offset});
    }
    [[nodiscard]] Result<u64> ask(u32 slot, u64 sector = 8) {
        return ask(slot, BlockOperation::read, sector, 8, {{data + slot * page_bytes, page_bytes}});
    }
    [[nodiscard]] u32 ended() {
        u32 count = 0;
        while (auto const done = wire.next_done())
            if (done->status == BlockStatus::ok) ++count;
        return count;
    }
    [[nodiscard]] bool has_dma() { return vm.machine().has_dma(); }
};

TEST(DiskWire, DmaIsCountedFromTheFirstOfATrainUntilTheLastHasEnded) {
    Desk desk;
    EXPECT_FALSE(desk.has_dma());
    for (u32 slot = 0; slot < 3; ++slot) {
        EXPECT_EQ(desk.ask(slot).value(), 8U);
        EXPECT_TRUE(desk.has_dma());
    }
    EXPECT_EQ(desk.disk.gone, 0U) << "nothing begins before go()";
    desk.wire.go();
    EXPECT_EQ(desk.disk.gone, 1U);
    EXPECT_TRUE(desk.has_dma());
    EXPECT_EQ(desk.wire.requests(), 3U);
    EXPECT_EQ(desk.wire.read_bytes(), 3 * page_bytes);
    auto const last = desk.disk.asked.back();
    desk.disk.asked.pop_back();
    desk.disk.end_all();
    EXPECT_TRUE(desk.has_dma());
    last.client->disk_done(std::array{DiskEnd{last.token, DiskStatus::done}});
    EXPECT_FALSE(desk.has_dma());
    EXPECT_EQ(desk.ended(), 3U);
    desk.wire.go();
    EXPECT_EQ(desk.disk.gone, 1U) << "nothing was asked for since";
}

TEST(DiskWire, WhileItsPagesGoNoneBegins) {
    Desk desk;
    desk.vm.machine().hold_dma();
    EXPECT_EQ(desk.ask(0).error(), Error::busy);
    EXPECT_EQ(desk.ask(1).error(), Error::busy);
    EXPECT_FALSE(desk.has_dma());
    desk.wire.go();
    EXPECT_TRUE(desk.disk.asked.empty());
    EXPECT_EQ(desk.disk.gone, 0U);
    desk.vm.machine().let_dma_begin();
    EXPECT_TRUE(desk.ask(0).ok());
    desk.wire.go();
    EXPECT_TRUE(desk.has_dma());
}

TEST(DiskWire, WhatTheDiskDoesNotTakeIsNotCounted) {
    Desk desk;
    desk.disk.refuses = true;
    EXPECT_EQ(desk.ask(0).error(), Error::busy);
    desk.disk.refusal = Error::io;
    EXPECT_EQ(desk.ask(0).error(), Error::io);
    desk.wire.go();
    EXPECT_FALSE(desk.has_dma());
    EXPECT_EQ(desk.disk.gone, 0U);
    EXPECT_EQ(desk.wire.requests(), 0U);
    EXPECT_EQ(desk.wire.read_bytes(), 0U);
}

TEST(DiskWire, ADiskThatEndsAllAtOnceTakesTrainsOfAnyLength) {
    Desk desk;
    desk.disk.at_once = true;
    for (u32 i = 0; i < 100; ++i) {
        ASSERT_TRUE(desk.ask(i % 16).ok()) << i;
        ASSERT_EQ(desk.ended(), 1U);
    }
    desk.wire.go();
    EXPECT_FALSE(desk.has_dma());
    EXPECT_EQ(desk.wire.requests(), 100U);
    EXPECT_EQ(desk.disk.gone, 1U);
}

TEST(DiskWire, ASlotOfTheLifeBeforeIsBusyUntilItsRequestEnds) {
    Desk desk;
    ASSERT_TRUE(desk.ask(3).ok());
    desk.wire.go();
    desk.wire.abandon();
    EXPECT_EQ(desk.ask(3).error(), Error::busy);
    desk.wire.go();
    EXPECT_TRUE(desk.has_dma());
    desk.disk.end_all();
    EXPECT_EQ(desk.ended(), 0U) << "nobody waits for it";
    EXPECT_FALSE(desk.has_dma());
    EXPECT_TRUE(desk.ask(3).ok());
}

// In one stretch of the disk or not: its pieces are the guest's pages, in their order.
void pieces_of(bool in_one_stretch) {
    Desk desk{in_one_stretch};
    auto const start = desk.vm.ram().find(data).value().at;
    auto const end = data + (u64{1} << 20);  // of its memory
    ASSERT_TRUE(desk.ask(0).ok());
    EXPECT_TRUE(
        desk.ask(1, BlockOperation::write, 16, 4, {{data + 512, 1024}, {data + 8192, 4096}}, 512).ok());
    EXPECT_TRUE(desk.ask(2, BlockOperation::discard, 100, 50, {}).ok());
    EXPECT_EQ(desk.ask(3, BlockOperation::read, 0, 8, {{end, 4096}}).error(), Error::out_of_range);
    EXPECT_EQ(desk.ask(3, BlockOperation::read, 0, 8, {{Gpa{0x1000}, 4096}}).error(), Error::out_of_range);
    EXPECT_EQ(desk.ask(3, BlockOperation::read, 0, 8, {}).error(), Error::out_of_range);
    // Half of it lies outside: so much as there is, or nothing.
    EXPECT_FALSE(desk.ask(3, BlockOperation::read, 0, 8, {{end - 2048, 4096}}).ok());
    desk.wire.go();
    ASSERT_EQ(desk.disk.asked.size(), 3U);
    auto const& page = desk.disk.asked[0];
    EXPECT_EQ(page.request.sector, 5008U);
    ASSERT_EQ(page.pieces.size(), 1U);
    EXPECT_EQ(page.pieces[0].at, start);
    EXPECT_EQ(page.pieces[0].bytes, 4096U);
    auto const& two = desk.disk.asked[1];
    EXPECT_EQ(two.request.operation, DiskOperation::write);
    EXPECT_EQ(two.request.sector, 5016U);
    EXPECT_EQ(two.request.sectors, 4U);
    ASSERT_EQ(two.pieces.size(), 2U);
    EXPECT_EQ(two.pieces[0].at, start + 1024);
    EXPECT_EQ(two.pieces[0].bytes, 512U);
    EXPECT_EQ(two.pieces[1].at, start + 8192);
    EXPECT_EQ(two.pieces[1].bytes, 1536U);
    EXPECT_EQ(desk.disk.asked[2].request.operation, DiskOperation::discard);
    EXPECT_TRUE(desk.disk.asked[2].pieces.empty());
    EXPECT_EQ(desk.wire.requests(), 3U);
    EXPECT_EQ(desk.wire.written_bytes(), 2048U);
    desk.disk.end_all();
    EXPECT_FALSE(desk.has_dma());
}

TEST(DiskWire, ItsPiecesAreTheGuestsPages) {
    pieces_of(true);
}
TEST(DiskWire, AndSoTheyAreWhereTheDiskLiesInParts) {
    pieces_of(false);
}

}  // namespace
}  // namespace antler::vm
