// A named stretch of bits in a register, with the type its values have.
#pragma once

#include <concepts>
#include <type_traits>

#include "base/types.hpp"

namespace antler {

template <unsigned High, unsigned Low = High, class T = std::conditional_t<High == Low, bool, u64>,
          class Raw = u64>
struct Field {
    static_assert(High >= Low && High < sizeof(Raw) * 8);
    using type = T;
    static constexpr unsigned high = High;
    static constexpr unsigned low = Low;
    static constexpr unsigned width = High - Low + 1;
    static constexpr Raw mask = static_cast<Raw>((width == 64 ? ~u64{0} : (u64{1} << width) - 1) << Low);

    [[nodiscard]] static constexpr T get(Raw raw) { return static_cast<T>((raw & mask) >> Low); }
    [[nodiscard]] static constexpr Raw set(Raw raw, T value) {
        return static_cast<Raw>((raw & static_cast<Raw>(~mask)) | ((static_cast<Raw>(value) << Low) & mask));
    }
};

template <unsigned High, unsigned Low = High>
using Field32 = Field<High, Low, std::conditional_t<High == Low, bool, u32>, u32>;

}  // namespace antler
