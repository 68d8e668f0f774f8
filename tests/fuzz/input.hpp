// Takes a fuzzer's bytes apart; zeros when they are used up.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>

#include "base/types.hpp"

namespace antler::fuzz {

class Input {
public:
    Input(u8 const* data, usize size) : bytes_{data, size} {}
    [[nodiscard]] bool empty() const { return bytes_.empty(); }
    template <class T>
    T take() {
        T value{};
        auto const part = some(sizeof value);
        if (!part.empty()) std::memcpy(&value, part.data(), part.size());
        return value;
    }
    std::span<u8 const> some(usize most) {
        auto const part = bytes_.first(std::min(most, bytes_.size()));
        bytes_ = bytes_.subspan(part.size());
        return part;
    }

private:
    std::span<u8 const> bytes_;
};

}  // namespace antler::fuzz
