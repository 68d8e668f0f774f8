// The frame table behind its lock.
#include "memory/frames.hpp"

#include <algorithm>

#include "memory/physical.hpp"

namespace antler::memory {

u64 Frames::table_bytes(std::span<HpaRange const> banks) {
    u64 frames = 0;
    for (auto const& bank : banks) {
        auto const first = bank.start.align_up(page_bytes);
        auto const end = bank.end().align_down(page_bytes);
        if (end > first) frames += (end - first) / page_bytes;
    }
    return (frames * sizeof(Frame) + page_bytes - 1) & ~(page_bytes - 1);
}

Result<HpaRange> Frames::find_room(std::span<HpaRange const> banks, std::span<HpaRange const> reserved,
                                   u64 bytes, u64 alignment) {
    Hpa best{};
    u64 best_size = 0;
    // Every hole begins where a bank begins or where something reserved ends.
    auto const consider = [&](HpaRange const& bank, Hpa from) {
        auto const start = from.align_up(alignment);
        if (start < bank.start || start >= bank.end()) return;
        u64 size = bank.end() - start;
        for (auto const& range : reserved) {
            if (range.contains(start)) return;
            if (range.size != 0 && range.start > start) size = std::min(size, range.start - start);
        }
        if (size < bytes || (best_size != 0 && size >= best_size)) return;
        best = start;
        best_size = size;
    };
    for (auto const& bank : banks) {
        consider(bank, bank.start);
        for (auto const& range : reserved) consider(bank, range.end());
    }
    if (best_size == 0) return Err{Error::no_memory};
    return HpaRange{best, bytes};
}

Result<void> Frames::initialise(std::span<HpaRange const> banks, std::span<HpaRange const> reserved,
                                HpaRange table, u64 house_bytes) {
    return table_.with([&](FrameTable& t) { return t.initialise(banks, reserved, table, house_bytes); });
}

Result<Page<Dirty>> Frames::take(Pool pool, Order order, OwnerId owner) {
    return PageMaker::make<Dirty>(
        TRY(table_.with([&](FrameTable& t) { return t.take(pool, order, owner); })));
}

Result<Page<Dirty>> Frames::take_up_to(Pool pool, Order order, OwnerId owner) {
    return PageMaker::make<Dirty>(
        TRY(table_.with([&](FrameTable& t) { return t.take_up_to(pool, order, owner); })));
}

Result<Page<Dirty>> Frames::take_coloured(Pool pool, Colours const& colours, OwnerId owner) {
    return PageMaker::make<Dirty>(
        TRY(table_.with([&](FrameTable& t) { return t.take_coloured(pool, colours, owner); })));
}

Result<Page<Zeroed>> Frames::take_zeroed(Order order, OwnerId owner) {
    auto const block = TRY(table_.with([&](FrameTable& t) { return t.take(Pool::house, order, owner); }));
    zero_block(house_view(block.start), order.bytes());
    return PageMaker::make<Zeroed>(block);
}

void Frames::release(Block block) {
    table_.with([&](FrameTable& t) { t.release(block); });
}

Result<Page<Filled>> Frames::adopt(Hpa at, Order order, OwnerId owner) {
    return PageMaker::make<Filled>(
        TRY(table_.with([&](FrameTable& t) { return t.adopt(at, order, Pool::guest, owner); })));
}

Result<void> Frames::release_reserved(HpaRange range) {
    return table_.with([&](FrameTable& t) { return t.release_reserved(range); });
}

Page<Shared> Frames::share(Page<Filled>&& page) {
    auto const block = PageMaker::unmake(std::move(page));
    table_.with([&](FrameTable& t) { t.share(block); });
    return PageMaker::make<Shared>(block);
}

Page<Shared> Frames::share_again(Page<Shared> const& page) {
    VERIFY(page.is_held());
    Block const block{page.start(), page.order(), page.pool(), page.owner()};
    table_.with([&](FrameTable& t) { t.share_again(block); });
    return PageMaker::make<Shared>(block);
}

void Frames::charge_to(Block const& block, OwnerId owner) {
    table_.with([&](FrameTable& t) { t.charge_to(block, owner); });
}

Result<Granule> Frames::withdraw(Pool from) {
    return Granule{TRY(table_.with([&](FrameTable& t) { return t.withdraw(from); }))};
}

void Frames::deposit(Granule&& granule, Pool to) {
    VERIFY(granule.held_);
    granule.held_ = false;
    table_.with([&](FrameTable& t) { t.deposit(granule.start_, to); });
}

Use Frames::accounting(OwnerId owner) {
    if (owner.value >= max_owners) return {};
    return table_.with(
        [&](FrameTable& t) { return Use{t.held(owner, Pool::house), t.held(owner, Pool::guest)}; });
}

Totals Frames::totals() {
    return table_.with([&](FrameTable& t) {
        return Totals{t.ram_bytes(), t.table_range().size, t.free_bytes(Pool::house),
                      t.free_bytes(Pool::guest)};
    });
}

std::optional<FrameInfo> Frames::inspect(Hpa at) {
    return table_.with([&](FrameTable& t) { return t.inspect(at); });
}

std::optional<HpaRange> Frames::next_house_range(Hpa from) {
    return table_.with([&](FrameTable& t) { return t.next_house_range(from); });
}

HpaRange Frames::table_range() {
    return table_.with([&](FrameTable& t) { return t.table_range(); });
}

void Frames::retire(HpaRange range, FrameList& into) {
    table_.with([&](FrameTable& t) { t.retire(range, into); });
}

void Frames::release(FrameList&& list) {
    table_.with([&](FrameTable& t) { t.release(std::move(list)); });
}

void Frames::join(FrameList& into, FrameList&& more) {
    table_.with([&](FrameTable& t) { t.join(into, std::move(more)); });
}

}  // namespace antler::memory
