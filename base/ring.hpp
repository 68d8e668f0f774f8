// A bounded queue of bytes or small values, first in, first out, for one owner at a time.
#pragma once

#include <array>
#include <optional>

#include "base/types.hpp"

namespace antler {

template <class T, usize Size>
class Ring {
    static_assert((Size & (Size - 1)) == 0, "a power of two, so that the indices may wrap");

public:
    [[nodiscard]] constexpr bool empty() const { return head_ == tail_; }
    [[nodiscard]] constexpr bool full() const { return size() == Size; }
    [[nodiscard]] constexpr usize size() const { return tail_ - head_; }
    [[nodiscard]] constexpr usize room() const { return Size - size(); }
    constexpr void clear() { head_ = tail_; }

    [[nodiscard]] constexpr bool push(T value) {
        if (full()) return false;
        items_[tail_++ % Size] = value;
        return true;
    }
    [[nodiscard]] constexpr std::optional<T> pop() {
        if (empty()) return std::nullopt;
        return items_[head_++ % Size];
    }
    [[nodiscard]] constexpr std::optional<T> peek() const {
        if (empty()) return std::nullopt;
        return items_[head_ % Size];
    }

private:
    std::array<T, Size> items_{};
    usize head_ = 0;
    usize tail_ = 0;
};

}  // namespace antler
