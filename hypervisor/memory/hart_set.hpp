// Sets of physical harts: a plain one, and one that many harts change at once.
#pragma once

#include <array>
#include <atomic>
#include <bit>

#include "base/panic.hpp"
#include "base/types.hpp"

namespace antler::memory {

inline constexpr u32 max_harts = 128;

// By the dense index of a hart.
class HartMask {
public:
    void add(u32 hart) {
        VERIFY(hart < max_harts);
        words_[hart / 64] |= u64{1} << hart % 64;
    }
    void remove(u32 hart) {
        VERIFY(hart < max_harts);
        words_[hart / 64] &= ~(u64{1} << hart % 64);
    }
    [[nodiscard]] bool has(u32 hart) const {
        return hart < max_harts && (words_[hart / 64] >> hart % 64 & 1) != 0;
    }
    [[nodiscard]] bool empty() const {
        for (auto const word : words_)
            if (word != 0) return false;
        return true;
    }
    template <class Body>
    void for_each(Body&& body) const {
        for (u32 i = 0; i < words_.size(); ++i)
            for (u64 rest = words_[i]; rest != 0; rest &= rest - 1)
                body(i * 64 + static_cast<u32>(std::countr_zero(rest)));
    }
    friend bool operator==(HartMask const&, HartMask const&) = default;

private:
    friend class HartSet;
    std::array<u64, max_harts / 64> words_{};
};

// Every operation is sequentially consistent: the sets of a space are a protocol between harts
// (observers.hpp).
class HartSet {
public:
    // True when it was there already.
    bool add(u32 hart) { return (word(hart).fetch_or(bit(hart)) & bit(hart)) != 0; }
    void remove(u32 hart) { word(hart).fetch_and(~bit(hart)); }
    // The same for who does it often.
    struct Place {
        u32 word = 0;
        u64 bit = 0;
    };
    [[nodiscard]] static Place place_of(u32 hart) {
        VERIFY(hart < max_harts);
        return {hart / 64, bit(hart)};
    }
    bool add(Place const& place) { return (words_[place.word].fetch_or(place.bit) & place.bit) != 0; }
    void remove(Place const& place) { words_[place.word].fetch_and(~place.bit); }
    [[nodiscard]] bool has(u32 hart) const { return (words_[hart / 64].load() & bit(hart)) != 0; }
    void clear() {
        for (auto& word : words_) word.store(0);
    }
    [[nodiscard]] HartMask snapshot() const {
        HartMask mask;
        for (usize i = 0; i < words_.size(); ++i) mask.words_[i] = words_[i].load();
        return mask;
    }

private:
    [[nodiscard]] static u64 bit(u32 hart) { return u64{1} << hart % 64; }
    [[nodiscard]] std::atomic<u64>& word(u32 hart) {
        VERIFY(hart < max_harts);
        return words_[hart / 64];
    }
    std::array<std::atomic<u64>, max_harts / 64> words_{};
};

}  // namespace antler::memory
