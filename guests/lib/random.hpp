// Numbers that are the same in every run with the same seed.
#pragma once

#include <array>

#include "base/types.hpp"

namespace antler::guests {

// SplitMix64.
class Random {
public:
    explicit Random(u64 seed) : state_{seed} {}
    u64 next() {
        state_ += 0x9e37'79b9'7f4a'7c15;
        auto z = state_;
        z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9;
        z = (z ^ z >> 27) * 0x94d0'49bb'1331'11eb;
        return z ^ z >> 31;
    }
    u64 below(u64 end) { return next() % end; }
    bool one_in(u64 times) { return below(times) == 0; }
    template <class T, usize N>
    T const& one_of(std::array<T, N> const& values) {
        return values[below(N)];
    }

private:
    u64 state_;
};

}  // namespace antler::guests
