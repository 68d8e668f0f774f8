// A list with room for so many, inside its owner: what does not fit is refused and counted.
#pragma once

#include <array>
#include <span>

#include "base/types.hpp"

namespace antler::platform {

template <class T, usize Most>
class BoundedList {
public:
    [[nodiscard]] constexpr bool push(T const& value) {
        if (size_ == Most) {
            ++refused_;
            return false;
        }
        items_[size_++] = value;
        return true;
    }
    constexpr void clear() {
        size_ = 0;
        refused_ = 0;
    }

    [[nodiscard]] constexpr usize size() const { return size_; }
    [[nodiscard]] constexpr bool empty() const { return size_ == 0; }
    [[nodiscard]] constexpr usize refused() const { return refused_; }
    [[nodiscard]] constexpr T& operator[](usize index) { return span()[index]; }
    [[nodiscard]] constexpr T const& operator[](usize index) const { return span()[index]; }
    [[nodiscard]] constexpr T* begin() { return items_.data(); }
    [[nodiscard]] constexpr T* end() { return items_.data() + size_; }
    [[nodiscard]] constexpr T const* begin() const { return items_.data(); }
    [[nodiscard]] constexpr T const* end() const { return items_.data() + size_; }
    [[nodiscard]] constexpr std::span<T> span() { return {items_.data(), size_}; }
    [[nodiscard]] constexpr std::span<T const> span() const { return {items_.data(), size_}; }

private:
    std::array<T, Most> items_{};
    usize size_ = 0;
    usize refused_ = 0;
};

}  // namespace antler::platform
