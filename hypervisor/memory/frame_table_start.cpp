// From banks of RAM and reserved ranges to the first free blocks.
#include <algorithm>

#include "memory/frame_table.hpp"
#include "memory/physical.hpp"

namespace antler::memory {

Result<void> FrameTable::reserve(u64 first_page, u64 end_page) {
    if (first_page >= end_page) return {};
    // Joins every hole it touches.
    usize kept = 0;
    for (usize i = 0; i < hole_count_; ++i) {
        auto const hole = holes_[i];
        if (hole.end_page < first_page || hole.first_page > end_page) {
            holes_[kept++] = hole;
        } else {
            first_page = std::min(first_page, hole.first_page);
            end_page = std::max(end_page, hole.end_page);
        }
    }
    hole_count_ = kept;
    if (hole_count_ == max_reserved) return Err{Error::full};
    holes_[hole_count_++] = {first_page, end_page};
    return {};
}

Result<void> FrameTable::initialise(std::span<HpaRange const> banks, std::span<HpaRange const> reserved,
                                    HpaRange table, u64 house_bytes) {
    u64 frames = 0;
    for (auto const& range : banks) {
        if (range.wraps()) return Err{Error::bad_format};
        auto const first = page_after(range.start);
        auto const end = page_of(range.end());
        if (end <= first) continue;
        if (bank_count_ == max_banks) return Err{Error::full};
        for (usize i = 0; i < bank_count_; ++i)
            if (first < banks_[i].end_page() && banks_[i].first_page < end) return Err{Error::already_exists};
        frames += end - first;
        if (frames >= ~u32{0}) return Err{Error::out_of_range};
        banks_[bank_count_++] = {first, static_cast<u32>(end - first), 0};
    }
    if (bank_count_ == 0) return Err{Error::not_found};
    auto const by_address = [](Bank const& a, Bank const& b) { return a.first_page < b.first_page; };
    for (usize i = 1; i < bank_count_; ++i)
        for (usize j = i; j > 0 && by_address(banks_[j], banks_[j - 1]); --j)
            std::swap(banks_[j], banks_[j - 1]);
    u32 index = 0;
    for (usize i = 0; i < bank_count_; ++i) {
        banks_[i].first_index = index;
        index += banks_[i].pages;
    }

    if (!table.start.is_aligned(page_bytes) || table.size < frames * sizeof(Frame))
        return Err{Error::out_of_range};
    table_range_ = {table.start, (frames * sizeof(Frame) + page_bytes - 1) & ~(page_bytes - 1)};
    TRY(reserve(page_of(table.start), page_after(table_range_.end())));
    for (auto const& range : reserved) {
        if (range.size == 0) continue;
        if (range.wraps()) return Err{Error::bad_format};
        TRY(reserve(page_of(range.start), page_after(range.end())));
    }
    frames_ = static_cast<Frame*>(house_view(table_range_.start));
    zero_block(frames_, table_range_.size);

    // What lies between the holes, in order.
    for (usize i = 0; i < bank_count_; ++i) {
        for (u64 page = banks_[i].first_page; page < banks_[i].end_page();) {
            u64 end = banks_[i].end_page();
            u64 past = page;  // of a hole that covers this page
            for (usize h = 0; h < hole_count_; ++h) {
                auto const& hole = holes_[h];
                if (hole.first_page <= page && page < hole.end_page) past = hole.end_page;
                if (hole.first_page > page) end = std::min(end, hole.first_page);
            }
            if (past == page) {
                add_range(page, end);
                past = end;
            }
            page = past;
        }
    }
    while (free_bytes(Pool::house) < house_bytes) {
        auto const granule = withdraw(Pool::guest);
        if (!granule) break;
        deposit(granule.value(), Pool::house);
    }
    return {};
}

// Whole granules for the guests, what is left on both sides for the house.
void FrameTable::add_range(u64 first_page, u64 end_page) {
    constexpr u64 granule = order_2m.frames();
    auto const first_granule = (first_page + granule - 1) & ~(granule - 1);
    auto const end_granule = end_page & ~(granule - 1);
    if (first_granule >= end_granule) return add_blocks(first_page, end_page, Pool::house);
    add_blocks(first_page, first_granule, Pool::house);
    add_blocks(first_granule, end_granule, Pool::guest);
    add_blocks(end_granule, end_page, Pool::house);
}

}  // namespace antler::memory
