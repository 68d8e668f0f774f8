// The cells behind a flash chip: bytes that can only be cleared, and are set again by the sector.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <span>

#include "device/device.hpp"

namespace antler::device {

// Cells beyond the bytes that are given are erased, and stay so.
class FlashArray {
public:
    static constexpr u32 page = 4096;  // what is written back at least
    static constexpr u32 most_kept = 4 << 20;
    static constexpr u32 most_written_back = 64 * 1024;

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
        for (usize i = 0; i < bytes.size(); ++i) writable_[at + i] &= bytes[i];
        mark(at, bytes.size());
        return true;
    }
    [[nodiscard]] bool erase(Offset at, u32 bytes) {
        if (at >= cells_.size()) return !is_fixed();  // erased already
        auto const there = std::min<u64>(bytes, cells_.size() - at);
        if (!can_change(at, there)) return false;
        std::fill_n(writable_ + at, there, u8{0xff});
        mark(at, there);
        return true;
    }

    struct Change {
        Offset start{};
        u32 bytes{};
    };
    // The first pages that changed since they were last asked for.
    [[nodiscard]] std::optional<Change> take_change() {
        for (u32 word = 0; word < changed_.size(); ++word) {
            if (changed_[word] == 0) continue;
            auto const first = static_cast<u32>(std::countr_zero(changed_[word]));
            auto run = static_cast<u32>(std::countr_one(changed_[word] >> first));
            run = std::min(run, most_written_back / page);
            auto const taken = (run == 64 ? ~u64{0} : (u64{1} << run) - 1) << first;
            changed_[word] &= ~taken;
            auto const start = (word * 64 + first) * page;
            return Change{start, static_cast<u32>(std::min<u64>(u64{run} * page, cells_.size() - start))};
        }
        return std::nullopt;
    }
    // It could not be kept: it has changed still.
    void put_back(Change change) { mark(change.start, change.bytes); }
    [[nodiscard]] bool has_changed() const {
        return std::ranges::any_of(changed_, [](u64 word) { return word != 0; });
    }
    [[nodiscard]] std::span<u8 const> bytes_of(Change change) const {
        return cells_.subspan(change.start, change.bytes);
    }

private:
    FlashArray(std::span<u8 const> cells, u8* writable) : cells_{cells}, writable_{writable} {}

    [[nodiscard]] bool can_change(Offset at, u64 bytes) const {
        return !is_fixed() && at <= cells_.size() && bytes <= cells_.size() - at;
    }
    void mark(Offset at, u64 bytes) {
        if (bytes == 0) return;
        for (auto n = at / page; n <= (at + bytes - 1) / page; ++n) changed_[n / 64] |= u64{1} << n % 64;
    }

    std::span<u8 const> cells_;
    u8* writable_;
    std::array<u64, most_kept / page / 64> changed_{};
};

}  // namespace antler::device
