// Disks made of other disks: extents, images in memory, and what is written over a base.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "backend/disk_image.hpp"
#include "backend/disk_overlay.hpp"
#include "backend/disk_slice.hpp"
#include "memory/house.hpp"
#include "tests/fake/memory.hpp"

namespace antler::backend {
namespace {

constexpr memory::OwnerId owner{5};

// Pieces are in the bank of a fake board.
struct PlainPieces final : PieceMemory {
    void read(Hpa at, std::span<u8> into) override {
        std::memcpy(into.data(), fake::Memory::current().at(at, into.size()), into.size());
    }
    void write(Hpa at, std::span<u8 const> from) override {
        std::memcpy(fake::Memory::current().at(at, from.size()), from.data(), from.size());
    }
};

struct Client final : DiskClient {
    std::vector<std::pair<u32, DiskStatus>> done{};
    void disk_done(std::span<DiskEnd const> ended) override {
        for (auto const& one : ended) done.emplace_back(one.token, one.status);
    }
    void disk_has_room() override {}
};

// Remembers what reaches it.
struct Ground final : Disk {
    DiskShape told{.sectors = 1000};
    std::vector<DiskRequest> asked{};
    u64 most = ~u64{0};
    u32 forgotten = 0;
    [[nodiscard]] DiskShape shape() const override { return told; }
    [[nodiscard]] DiskTarget locate(DiskOperation, u64 sector, u64 sectors) override {
        return {this, sector, std::min(sectors, most)};
    }
    [[nodiscard]] Result<void> submit(DiskRequest const& request, DiskClient& client, u32 token) override {
        asked.push_back(request);
        client.disk_done(std::array{DiskEnd{token, DiskStatus::done}});
        return {};
    }
    void go() override {}
    void forget(DiskClient&) override { ++forgotten; }
};

TEST(DiskSlice, ExtentsFollowOneAnother) {
    Ground ground;
    std::array extents{DiskExtent{100, 10}, DiskExtent{500, 5}, DiskExtent{0, 1}};
    auto const sectors = DiskSlice::check(ground, extents);
    ASSERT_TRUE(sectors.ok());
    EXPECT_EQ(sectors.value(), 16U);
    DiskSlice slice{ground, extents, sectors.value(), false};
    EXPECT_EQ(slice.shape().sectors, 16U);
    EXPECT_EQ(slice.locate(DiskOperation::read, 0, 16).sectors, 10U);
    EXPECT_EQ(slice.locate(DiskOperation::read, 8, 1).sectors, 1U);
    EXPECT_EQ(slice.locate(DiskOperation::read, 12, 4).sectors, 3U);
    ground.most = 2;
    EXPECT_EQ(slice.locate(DiskOperation::read, 0, 16).sectors, 2U);
    for (auto const& [sector, below] : {std::pair{9U, 109U}, {10U, 500U}, {14U, 504U}, {15U, 0U}}) {
        auto const target = slice.locate(DiskOperation::write, sector, 1);
        EXPECT_EQ(target.disk, &ground);
        EXPECT_EQ(target.sector, below);
    }
}

TEST(DiskSlice, NothingOutsideItsExtentsCanBeReached) {
    Ground ground;
    std::array extents{DiskExtent{100, 10}, DiskExtent{500, 5}};
    DiskSlice slice{ground, extents, DiskSlice::check(ground, extents).value(), false};
    for (u64 const sector : {u64{15}, u64{16}, ~u64{0}, ~u64{0} - 1})
        EXPECT_EQ(slice.locate(DiskOperation::read, sector, 2).disk, nullptr);
    for (u64 sector = 0; sector < 15; ++sector) {
        auto const target = slice.locate(DiskOperation::read, sector, ~u64{0});
        EXPECT_EQ(target.sectors, sector < 10 ? 10 - sector : 15 - sector);
    }
    std::array beyond{DiskExtent{995, 6}};
    EXPECT_FALSE(DiskSlice::check(ground, beyond).ok());
    std::array wraps{DiskExtent{~u64{0} - 1, 3}};
    EXPECT_FALSE(DiskSlice::check(ground, wraps).ok());
    std::array empty{DiskExtent{5, 0}};
    EXPECT_FALSE(DiskSlice::check(ground, empty).ok());
}

TEST(DiskSlice, AReadOnlyOneIsNeverWritten) {
    Ground ground;
    ground.told.discards = true;
    std::array extents{DiskExtent{0, 1000}};
    DiskSlice slice{ground, extents, 1000, true};
    (void)DiskSlice::check(ground, extents);
    Client client;
    EXPECT_TRUE(slice.shape().read_only);
    EXPECT_EQ(slice.locate(DiskOperation::write, 0, 1).disk, nullptr);
    EXPECT_EQ(slice.locate(DiskOperation::discard, 0, 1).disk, nullptr);
    EXPECT_EQ(slice.locate(DiskOperation::read, 0, 1).disk, &ground);
    EXPECT_EQ(slice.locate(DiskOperation::flush, 0, 0).disk, &ground);
    slice.forget(client);
    EXPECT_EQ(ground.forgotten, 1U);
}

// A board with an image, a place for data, and an overlay.
struct Shop {
    fake::Board board{};
    memory::House house{};
    PlainPieces pieces{};
    Client client{};
    std::vector<u8> image;
    memory::Page<memory::Zeroed> page;
    static constexpr u64 sectors = 200;

    Shop() : image(sectors * sector_bytes + 100), page{take_page()} {
        EXPECT_TRUE(house.create(board.frames, isa::Features::all()).ok());
        for (usize i = 0; i < image.size(); ++i) image[i] = static_cast<u8>(i * 7 + i / 512);
    }
    ~Shop() { board.frames.give_back(std::move(page)); }
    memory::Page<memory::Zeroed> take_page() {
        return board.frames.take_zeroed(memory::Order{4}, memory::house_owner).value();
    }
    [[nodiscard]] u8* data() const { return static_cast<u8*>(memory::house_view(page.start())); }

    // The whole range in as many requests as it takes, from or into data(), in two pieces each.
    [[nodiscard]] Result<void> move(Disk& disk, DiskOperation operation, u64 sector, u64 count) {
        for (u64 done = 0; done < count;) {
            auto const target = disk.locate(operation, sector + done, count - done);
            if (target.disk == nullptr) return Err{Error::denied};
            auto const part = target.sectors;
            EXPECT_GE(part, 1U);
            EXPECT_LE(part, count - done);
            auto const bytes = static_cast<u32>(part * sector_bytes);
            auto const at = page.start() + done * sector_bytes;
            std::array const two{DiskPiece{at, 100}, DiskPiece{at + 100, bytes - 100}};
            auto const before = client.done.size();
            auto submitted = target.disk->submit({operation, target.sector, part, two}, client, 3);
            if (!submitted && submitted.error() == Error::no_memory && disk.prepare())
                submitted = target.disk->submit({operation, target.sector, part, two}, client, 3);
            TRY(submitted);
            EXPECT_EQ(client.done.size(), before + 1);
            done += part;
        }
        return {};
    }
};

TEST(DiskImage, IsReadAndNeverWritten) {
    Shop shop;
    DiskImage disk{shop.image, shop.pieces};
    EXPECT_EQ(disk.shape().sectors, Shop::sectors);
    EXPECT_TRUE(disk.shape().read_only);
    ASSERT_TRUE(shop.move(disk, DiskOperation::read, 3, 5).ok());
    EXPECT_TRUE(std::equal(shop.data(), shop.data() + 5 * sector_bytes, shop.image.begin() + 3 * 512));
    EXPECT_EQ(shop.move(disk, DiskOperation::write, 3, 1).error(), Error::denied);
    EXPECT_EQ(shop.move(disk, DiskOperation::read, 199, 2).error(), Error::out_of_range);
}

TEST(DiskOverlay, WhatIsWrittenStaysAndTheBaseIsAsItWas) {
    Shop shop;
    auto const before = shop.image;
    DiskImage base{shop.image, shop.pieces};
    DiskOverlay one{base, shop.pieces, shop.board.frames, shop.house, owner, 1_MiB};
    DiskOverlay other{base, shop.pieces, shop.board.frames, shop.house, owner, 1_MiB};
    EXPECT_FALSE(one.shape().read_only);
    std::memset(shop.data(), 0xaa, 3 * 512);
    ASSERT_TRUE(shop.move(one, DiskOperation::write, 7, 3).ok());
    EXPECT_EQ(shop.image, before);
    ASSERT_TRUE(shop.move(one, DiskOperation::read, 6, 5).ok());
    auto wanted = std::vector<u8>(before.begin() + 6 * 512, before.begin() + 11 * 512);
    std::fill(wanted.begin() + 512, wanted.begin() + 4 * 512, u8{0xaa});
    EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), shop.data()));
    ASSERT_TRUE(shop.move(other, DiskOperation::read, 6, 5).ok());
    EXPECT_TRUE(std::equal(shop.data(), shop.data() + 5 * 512, before.begin() + 6 * 512));
}

TEST(DiskOverlay, AWriteBeyondTheBudgetFailsAndEveryByteComesBack) {
    Shop shop;
    DiskImage base{shop.image, shop.pieces};
    {
        DiskOverlay disk{base, shop.pieces, shop.board.frames, shop.house, owner, 8 * page_bytes};
        u64 good = 0;
        for (u64 sector = 0; sector < Shop::sectors; sector += 8)
            if (shop.move(disk, DiskOperation::write, sector, 8)) ++good;
        EXPECT_EQ(good, 5U);  // and three pages of tables
        EXPECT_EQ(disk.bytes_used(), 8 * page_bytes);
        EXPECT_EQ(shop.board.frames.accounting(owner).house_bytes, 8 * page_bytes);
        EXPECT_TRUE(shop.move(disk, DiskOperation::write, 0, 8).ok()) << "what is there can be written again";
        EXPECT_TRUE(shop.move(disk, DiskOperation::discard, 0, 8).ok());
        EXPECT_TRUE(shop.move(disk, DiskOperation::write, 100, 4).ok()) << "a discard makes room";
    }
    EXPECT_EQ(shop.board.frames.accounting(owner), memory::Use{});
}

TEST(DiskOverlay, FailsCleanlyWhenTheHouseHasNoMemory) {
    Shop shop;
    DiskImage base{shop.image, shop.pieces};
    DiskOverlay disk{base, shop.pieces, shop.board.frames, shop.house, owner, 1_MiB};
    auto const granules = shop.board.frames.totals().free_guest_bytes / memory::granule_bytes;
    std::vector<memory::Granule> held;
    for (u64 i = 0; i < granules; ++i)
        if (auto granule = shop.board.frames.withdraw(memory::Pool::guest))
            held.push_back(std::move(granule).value());
    {
        fake::Shortage const shortage{shop.board.frames, 2};
        EXPECT_EQ(shop.move(disk, DiskOperation::write, 0, 8).error(), Error::no_memory);
        EXPECT_TRUE(shop.move(disk, DiskOperation::read, 0, 8).ok());
    }
    for (auto& granule : held) shop.board.frames.deposit(std::move(granule), memory::Pool::guest);
    EXPECT_TRUE(shop.move(disk, DiskOperation::write, 0, 8).ok());
}

RC_GTEST_PROP(DiskOverlay, IsABaseWithWhatWasWrittenLast, ()) {
    Shop shop;
    DiskImage base{shop.image, shop.pieces};
    DiskOverlay disk{base, shop.pieces, shop.board.frames, shop.house, owner, 4_MiB};
    auto model = std::vector<u8>(shop.image.begin(), shop.image.begin() + Shop::sectors * 512);
    auto const steps = *rc::gen::inRange(1, 40);
    for (int step = 0; step < steps; ++step) {
        auto const sector = *rc::gen::inRange<u64>(0, Shop::sectors);
        auto const count = *rc::gen::inRange<u64>(1, std::min<u64>(Shop::sectors - sector, 60) + 1);
        if (*rc::gen::arbitrary<bool>()) {
            auto const fill = *rc::gen::arbitrary<u8>();
            for (u64 i = 0; i < count * 512; ++i) shop.data()[i] = static_cast<u8>(fill + i);
            RC_ASSERT(shop.move(disk, DiskOperation::write, sector, count).ok());
            std::copy_n(shop.data(), count * 512, model.begin() + static_cast<std::ptrdiff_t>(sector * 512));
        } else {
            RC_ASSERT(shop.move(disk, DiskOperation::read, sector, count).ok());
            RC_ASSERT(std::equal(shop.data(), shop.data() + count * 512,
                                 model.begin() + static_cast<std::ptrdiff_t>(sector * 512)));
        }
    }
}

}  // namespace
}  // namespace antler::backend
