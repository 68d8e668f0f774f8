// Flash memory on a disk that forgets what was not flushed, at every moment at which the power may go.
#include "vm/flash_keeper.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "tests/fake/memory.hpp"

namespace antler::vm {
namespace {

using backend::DiskClient;
using backend::DiskOperation;
using backend::DiskRequest;
using backend::DiskShape;
using backend::DiskStatus;
using backend::DiskTarget;
using backend::sector_bytes;
using device::FlashArray;
using Image = std::vector<u8>;

constexpr u64 flash_bytes = 40 * page_bytes;

// Takes one request at a time and answers when it is told to.
struct SlowDisk final : backend::Disk {
    Image kept = Image(FlashKeeper::disk_bytes(flash_bytes));  // what is there for certain
    struct Write {
        u64 at;
        Image bytes;
    };
    std::vector<Write> loose{};  // written, and not flushed
    DiskClient* client = nullptr;
    u64 requests = 0;
    u64 most = 24;  // sectors of a request
    bool fails = false;

    [[nodiscard]] DiskShape shape() const override { return {.sectors = kept.size() / sector_bytes}; }
    [[nodiscard]] DiskTarget locate(DiskOperation, u64 sector, u64 sectors) override {
        return {this, sector, std::min(sectors, most)};
    }
    [[nodiscard]] Result<void> submit(DiskRequest const& request, DiskClient& who, u32) override {
        EXPECT_EQ(client, nullptr);
        client = &who;
        ++requests;
        if (fails) return {};
        if (request.operation == DiskOperation::flush) {
            for (auto const& write : loose) put(kept, write);
            loose.clear();
            return {};
        }
        auto const& piece = request.pieces[0];
        EXPECT_EQ(piece.bytes, request.sectors * sector_bytes);
        auto* const memory = fake::Memory::current().at(piece.at, piece.bytes);
        auto const at = request.sector * sector_bytes;
        if (request.operation == DiskOperation::write) {
            loose.push_back({at, Image(memory, memory + piece.bytes)});
        } else {
            auto now = kept;
            for (auto const& write : loose) put(now, write);
            std::memcpy(memory, now.data() + at, piece.bytes);
        }
        return {};
    }
    void go() override {}
    void forget(DiskClient&) override {}

    static void put(Image& into, Write const& write) {
        std::ranges::copy(write.bytes, into.begin() + static_cast<std::ptrdiff_t>(write.at));
    }
    bool answer() {
        if (client == nullptr) return false;
        std::exchange(client, nullptr)
            ->disk_done(std::array{backend::DiskEnd{0, fails ? DiskStatus::failed : DiskStatus::done}});
        return true;
    }
    // Any of what was not flushed may be there, sector by sector.
    template <class Random>
    [[nodiscard]] Image after_power_cut(Random& random) const {
        auto left = kept;
        for (auto const& write : loose)
            for (u64 at = 0; at < write.bytes.size(); at += sector_bytes)
                if ((random() & 1) != 0)
                    put(left, {write.at + at,
                               Image(write.bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                     write.bytes.begin() + static_cast<std::ptrdiff_t>(at + sector_bytes))});
        return left;
    }
};

struct Owner final : FlashOwner {
    int transfers = 0;
    u64 asked = 0;
    void transfer_begins() override { ++transfers; }
    void transfer_ended() override { --transfers; }
    void ask_for_work() override { ++asked; }
};

// A machine with its flash, from power on.
struct Power {
    fake::Board board{};
    memory::Page<memory::Zeroed> page;
    Image first;
    Owner owner{};
    SlowDisk disk{};
    u8* bytes;
    FlashArray array;
    FlashKeeper keeper;

    explicit Power(Image content = {})
        : page{board.frames.take_zeroed(memory::Order{9}, memory::house_owner).value()},
          first(flash_bytes, 0xff),
          bytes{static_cast<u8*>(memory::house_view(page.start()))},
          array{FlashArray::kept({bytes, flash_bytes})},
          keeper{disk,
                 owner,
                 {.cells = {bytes, flash_bytes},
                  .copy = {bytes + flash_bytes, flash_bytes},
                  .header = {bytes + 2 * flash_bytes, page_bytes},
                  .first = first}} {
        first[7] = 0x42;
        if (!content.empty()) disk.kept = std::move(content);
    }
    ~Power() { board.frames.give_back(std::move(page)); }

    bool load() {
        for (int i = 0; i < 10'000; ++i) {
            auto const step = keeper.load_step(array);
            if (!step) return false;
            if (step.value()) return true;
            disk.answer();
        }
        return false;
    }
    bool settle() {
        for (int i = 0; i < 10'000; ++i) {
            if (keeper.settle(array)) return true;
            disk.answer();
        }
        return false;
    }
    [[nodiscard]] Image cells() const { return {bytes, bytes + flash_bytes}; }
    void program(u32 at, u8 value) {
        EXPECT_TRUE(array.program(at, {&value, 1}));
        keeper.note(array);
    }
    void erase(u32 at, u32 size) {
        EXPECT_TRUE(array.erase(at, size));
        keeper.note(array);
    }
};

TEST(FlashKeeper, GivesANewDiskWhatTheFlashHoldsAtFirst) {
    Power machine;
    ASSERT_TRUE(machine.load());
    EXPECT_EQ(machine.cells(), machine.first);
    ASSERT_TRUE(machine.settle());
    EXPECT_TRUE(std::ranges::equal(std::span{machine.disk.kept}.first(flash_bytes), machine.first));
    EXPECT_TRUE(machine.disk.loose.empty());
    EXPECT_EQ(machine.owner.transfers, 0);
    EXPECT_TRUE(machine.keeper.leave());
}

TEST(FlashKeeper, HasAgainWhatWasThereWhenTheVmEnded) {
    Image disk;
    Image cells;
    {
        Power machine;
        ASSERT_TRUE(machine.load());
        auto const asked = machine.owner.asked;
        machine.program(page_bytes - 1, 0x0f);
        machine.program(5 * page_bytes, 0x55);
        EXPECT_EQ(machine.owner.asked, asked + 1) << "once for several changes";
        ASSERT_TRUE(machine.settle());
        disk = machine.disk.kept;
        cells = machine.cells();
    }
    Power machine{disk};
    ASSERT_TRUE(machine.load());
    EXPECT_EQ(machine.cells(), cells);
    EXPECT_FALSE(machine.keeper.lost_something());
}

TEST(FlashKeeper, LeavesAWholeNumberOfGroupsWheneverThePowerGoes) {
    std::mt19937 random{7};
    for (int round = 0; round < 40; ++round) {
        Image content;
        // What may be found: the state at some moment, none before the last that was settled.
        std::vector<Image> history;
        {
            Power machine;
            ASSERT_TRUE(machine.load());
            ASSERT_TRUE(machine.settle());
            history.push_back(machine.cells());
            auto const end = random() % 120;
            for (u32 step = 0; step < end; ++step) {
                switch (random() % 5) {
                    case 0:
                        machine.program(random() % flash_bytes, static_cast<u8>(random()));
                        history.push_back(machine.cells());
                        break;
                    case 1:
                        machine.erase(random() % 4 * 10 * page_bytes, 10 * page_bytes);
                        history.push_back(machine.cells());
                        break;
                    case 2: machine.disk.answer(); break;
                    default: (void)machine.keeper.work(machine.array); break;
                }
            }
            content = machine.disk.after_power_cut(random);
            while (machine.disk.answer()) {
            }
        }
        // The power may go again while it starts.
        for (int again = 0; again < 2; ++again) {
            Power machine{content};
            ASSERT_TRUE(machine.load());
            EXPECT_TRUE(std::ranges::find(history, machine.cells()) != history.end()) << "round " << round;
            for (u32 step = 0; step < random() % 20; ++step) {
                (void)machine.keeper.work(machine.array);
                machine.disk.answer();
            }
            content = machine.disk.after_power_cut(random);
            while (machine.disk.answer()) {
            }
        }
    }
}

TEST(FlashKeeper, SaysWhatADiskDidNotTakeAndTriesAgainAfterTheNextChange) {
    Power machine;
    ASSERT_TRUE(machine.load());
    ASSERT_TRUE(machine.settle());
    machine.disk.fails = true;
    machine.program(0, 0x1);
    for (int i = 0; i < 100; ++i) {
        (void)machine.keeper.work(machine.array);
        machine.disk.answer();
    }
    EXPECT_TRUE(machine.keeper.lost_something());
    auto const asked = machine.disk.requests;
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(machine.keeper.work(machine.array));
    EXPECT_EQ(machine.disk.requests, asked) << "it is not asked again and again";
    EXPECT_TRUE(machine.settle()) << "nor waited for without end";
    machine.disk.fails = false;
    machine.program(1, 0x1);
    ASSERT_TRUE(machine.settle());
    EXPECT_FALSE(machine.keeper.lost_something());
    EXPECT_EQ(machine.disk.kept[0], 0x1);
    EXPECT_EQ(machine.disk.kept[1], 0x1);
}

TEST(FlashKeeper, DoesNotStartWithADiskThatCannotBeRead) {
    Power machine;
    machine.disk.fails = true;
    EXPECT_FALSE(machine.load());
    EXPECT_EQ(machine.owner.transfers, 0);
}

}  // namespace
}  // namespace antler::vm
