// The cells behind a flash chip: bytes that can only be cleared, and are set again by the sector.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <span>

#include "device/device.hpp"

namespace antler::device {

// Cells beyond the bytes that are given are erased, and stay so.
class FlashArray {
public:
    static constexpr u32 page = 4096;
    static constexpr u32 most_kept = 4 << 20;
    // A bit for each page.
    using Pages = std::array<u64, most_kept / page / 64>;

    // One that nobody can change.
    static FlashArray fixed(std::span<u8 const> bytes) { return {bytes, nullptr}; }
    // One whose changes are to be kept; no larger than most_kept.
    static FlashArray kept(std::span<u8> bytes) {
        return {bytes.first(std::min<usize>(bytes.size(), most_kept)), bytes.data()};
    }

    [[nodiscard]] usize size() const { return cells_.size(); }
    [[nodiscard]] bool is_fixed() const { return writable_ == nullptr; }

    [[nodiscard]] u64 read(Offset at, u32 bytes) const {
        u64 value = 0;
        for (u32 i = 0; i < bytes; ++i) {
            auto const cell = u64{at} + i;
            value |= u64{cell < cells_.size() ? cells_[cell] : u8{0xff}} << 8 * i;
        }
        return value;
    }

    // Clears what is clear in `bytes`.  False, and nothing done, where no cell can be changed.
    [[nodiscard]] bool program(Offset at, std::span<u8 const> bytes) {
        if (!can_change(at, bytes.size())) return false;
        copy_first(at, bytes.size());
        for (usize i = 0; i < bytes.size(); ++i) writable_[at + i] &= bytes[i];
        mark(at, bytes.size());
        return true;
    }
    [[nodiscard]] bool erase(Offset at, u32 bytes) {
        if (at >= cells_.size()) return !is_fixed();  // erased already
        auto const there = std::min<u64>(bytes, cells_.size() - at);
        if (!can_change(at, there)) return false;
        copy_first(at, there);
        std::fill_n(writable_ + at, there, u8{0xff});
        mark(at, there);
        return true;
    }

    // Goes up whenever a cell may have changed.
    [[nodiscard]] u64 changes() const { return changes_; }
    // The pages that changed since this was last called.  They go to `into`, which is as large as all cells,
    // as they are now, whatever changes meanwhile: copy_some() says when they are there.
    [[nodiscard]] Pages begin_copy(std::span<u8> into) {
        copy_ = into.data();
        copying_ = changed_;
        changed_ = {};
        return copying_;
    }
    // True when all of them are there.
    [[nodiscard]] bool copy_some(u32 pages) {
        for (u32 word = 0; word < copying_.size(); ++word)
            for (; copying_[word] != 0; --pages) {
                if (pages == 0) return false;
                copy(word * 64 + static_cast<u32>(std::countr_zero(copying_[word])));
            }
        return true;
    }
    // These could not be kept: they have changed still.
    void put_back(Pages const& pages) {
        for (usize word = 0; word < pages.size(); ++word) changed_[word] |= pages[word];
    }
    [[nodiscard]] bool has_changed() const {
        return std::ranges::any_of(changed_, [](u64 word) { return word != 0; });
    }

private:
    FlashArray(std::span<u8 const> cells, u8* writable) : cells_{cells}, writable_{writable} {}

    [[nodiscard]] bool can_change(Offset at, u64 bytes) const {
        return !is_fixed() && at <= cells_.size() && bytes <= cells_.size() - at;
    }
    void mark(Offset at, u64 bytes) {
        if (bytes == 0) return;
        ++changes_;
        for (auto n = at / page; n <= (at + bytes - 1) / page; ++n) changed_[n / 64] |= u64{1} << n % 64;
    }

    void copy(u32 n) {
        auto const start = u64{n} * page;
        std::copy_n(writable_ + start, std::min<u64>(page, cells_.size() - start), copy_ + start);
        copying_[n / 64] &= ~(u64{1} << n % 64);
    }
    // What is being copied must not change before.
    void copy_first(Offset at, u64 bytes) {
        if (bytes == 0) return;
        for (auto n = at / page; n <= (at + bytes - 1) / page; ++n)
            if ((copying_[n / 64] >> n % 64 & 1) != 0) copy(static_cast<u32>(n));
    }

    std::span<u8 const> cells_;
    u8* writable_;
    Pages changed_{};
    Pages copying_{};
    u8* copy_ = nullptr;
    u64 changes_ = 0;
};

}  // namespace antler::device
