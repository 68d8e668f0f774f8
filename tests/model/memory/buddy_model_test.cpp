// Frames against a plain list of who has what.
#include <gtest/gtest.h>

#include <map>

#include "base/units.hpp"
#include "tests/fake/memory_program.hpp"

namespace antler::memory {
namespace {

constexpr Hpa ram{0x8000'0000};

class BuddyModel {
public:
    explicit BuddyModel(u64 seed)
        : choices_{seed},
          board_{{{ram, 48_MiB}, {Hpa{0x1'0000'3000}, 17_MiB}},
                 8_MiB,
                 {{ram + 5_MiB, 20 * 4_KiB}, {ram + 30_MiB + 123, 3_MiB}}},
          start_{board_.frames.totals()} {}

    void step() {
        switch (choices_.below(8)) {
            case 0:
            case 1:
            case 2: return take();
            case 3:
            case 4:
            case 5: return give_back();
            case 6: return retire();
            default: return move();
        }
    }
    void finish() {
        while (!held_.empty()) drop(held_.begin());
        auto const end = board_.frames.totals();
        EXPECT_EQ(end.free_house_bytes + end.free_guest_bytes,
                  start_.free_house_bytes + start_.free_guest_bytes);
        for (u16 owner = 0; owner < 4; ++owner) EXPECT_EQ(board_.frames.accounting(OwnerId{owner}), Use{});
        // Whole granules again, so all guest memory can be had as such.
        u64 granules = 0;
        std::vector<Page<Dirty>> pages;
        while (auto page = board_.frames.take(Pool::guest, order_2m, OwnerId{1})) {
            pages.push_back(std::move(page).value());
            ++granules;
        }
        EXPECT_EQ(granules * 2_MiB, end.free_guest_bytes);
        for (auto& page : pages) board_.frames.give_back(std::move(page));
    }
    void check() {
        std::map<std::pair<u16, Pool>, u64> sums;
        u64 end = 0;
        for (auto const& [at, block] : held_) {
            ASSERT_GE(at, end);
            end = at + block.order.bytes();
            sums[{block.owner.value, block.pool}] += block.order.bytes();
            auto const info = board_.frames.inspect(Hpa{at + choices_.below(block.order.bytes())});
            ASSERT_TRUE(info);
            ASSERT_EQ(info->state, FrameState::taken);
            ASSERT_EQ(info->block.owner, block.owner);
            ASSERT_TRUE(info->block.range().contains(Hpa{at}));
        }
        for (u16 owner = 0; owner < 4; ++owner) {
            auto const use = board_.frames.accounting(OwnerId{owner});
            ASSERT_EQ(use.house_bytes, (sums[{owner, Pool::house}]));
            ASSERT_EQ(use.guest_bytes, (sums[{owner, Pool::guest}]));
        }
    }

private:
    using Held = std::map<u64, Block>;

    void take() {
        auto const pool = choices_.below(2) == 0 ? Pool::house : Pool::guest;
        Order const order{static_cast<u8>(choices_.below(3) == 0 ? choices_.below(12) : choices_.below(5))};
        OwnerId const owner{static_cast<u16>(choices_.below(4))};
        auto page = choices_.below(4) == 0 ? board_.frames.take_up_to(pool, order, owner)
                                           : board_.frames.take(pool, order, owner);
        if (!page) return;
        auto const block = PageMaker::unmake(std::move(page).value());
        ASSERT_TRUE(block.start.is_aligned(block.order.bytes()));
        ASSERT_EQ(block.pool, pool);
        auto const next = held_.lower_bound(block.start.raw());
        ASSERT_TRUE(next == held_.end() || next->first >= block.start.raw() + block.order.bytes());
        ASSERT_TRUE(next == held_.begin() ||
                    std::prev(next)->first + std::prev(next)->second.order.bytes() <= block.start.raw());
        held_[block.start.raw()] = block;
    }
    Held::iterator some() {
        auto found = held_.lower_bound(ram.raw() + choices_.below(48_MiB));
        if (found == held_.end()) found = held_.begin();
        return found;
    }
    void drop(Held::iterator which) {
        board_.frames.give_back(PageMaker::make<Dirty>(which->second));
        held_.erase(which);
    }
    void give_back() {
        if (!held_.empty()) drop(some());
    }
    // A part of a block, as an unmap does.
    void retire() {
        if (held_.empty()) return;
        auto const which = some();
        auto const block = which->second;
        auto const pages = block.order.frames();
        auto const first = choices_.below(pages);
        auto const count = 1 + choices_.below(pages - first);
        FrameList list;
        board_.frames.retire({block.start + first * 4_KiB, count * 4_KiB}, list);
        board_.frames.release(std::move(list));
        held_.erase(which);
        for (u64 page = 0; page < pages;) {
            if (page == first) {
                page += count;
                continue;
            }
            auto const info = board_.frames.inspect(block.start + page * 4_KiB);
            ASSERT_TRUE(info && info->state == FrameState::taken);
            ASSERT_EQ(info->block.start, block.start + page * 4_KiB);
            held_[info->block.start.raw()] = info->block;
            page += info->block.order.frames();
        }
    }
    void move() {
        auto const from = choices_.below(2) == 0 ? Pool::house : Pool::guest;
        auto granule = board_.frames.withdraw(from);
        if (granule) board_.frames.deposit(std::move(granule).value(), other(from));
    }

    fake::RandomChoices choices_;
    fake::Board board_;
    Totals start_;
    Held held_{};
};

TEST(BuddyModel, NoFrameHasTwoOwnersAndNoneIsLost) {
    for (u64 seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(seed);
        BuddyModel model{seed};
        for (u64 i = 0; i < 4000; ++i) {
            model.step();
            if (i % 64 == 0) model.check();
            if (HasFatalFailure()) return;
        }
        model.finish();
    }
}

}  // namespace
}  // namespace antler::memory
