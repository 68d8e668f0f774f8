// One bit for each wire into an interrupt controller.
#pragma once

#include <array>
#include <bit>

#include "base/types.hpp"

namespace antler::device {

// Sources 1 to Last; there is no source 0.
template <u32 Last>
struct SourceSet {
    static_assert(Last >= 1 && Last < 1024);
    std::array<u64, Last / 64 + 1> words{};

    [[nodiscard]] bool test(u32 source) const {
        return source <= Last && (words[source / 64] >> source % 64 & 1) != 0;
    }
    void assign(u32 source, bool to) {
        auto const bit = u64{1} << source % 64;
        words[source / 64] = to ? words[source / 64] | bit : words[source / 64] & ~bit;
    }
    // As guests see them: 32 at a time.
    [[nodiscard]] u32 word(u32 index) const {
        return index <= Last / 32 ? static_cast<u32>(words[index / 2] >> index % 2 * 32) : 0;
    }
    template <class Body>
    void for_each(Body&& body) const {
        for (u32 half = 0; half < words.size(); ++half)
            for (auto left = words[half]; left != 0; left &= left - 1)
                body(half * 64 + static_cast<u32>(std::countr_zero(left)));
    }
    void trim() {
        words[0] &= ~u64{1};
        words[Last / 64] &= ~u64{0} >> (63 - Last % 64);
    }
};

template <u32 Last>
[[nodiscard]] SourceSet<Last> operator&(SourceSet<Last> a, SourceSet<Last> const& b) {
    for (u32 i = 0; i < a.words.size(); ++i) a.words[i] &= b.words[i];
    return a;
}

}  // namespace antler::device
