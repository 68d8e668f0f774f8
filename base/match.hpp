// Take a variant apart: one callable for each alternative, inlined to compares.
#pragma once

#include <cstddef>
#include <utility>
#include <variant>

namespace antler {

template <class... F>
struct overloaded : F... {
    using F::operator()...;
};

// Same contract as std::visit, which libc++ compiles to calls through a table that cannot be inlined.
template <std::size_t Index = 0, class Variant, class Visitor>
constexpr decltype(auto) match(Variant&& value, Visitor&& visitor) {
    if constexpr (Index + 1 == std::variant_size_v<std::remove_cvref_t<Variant>>) {
        return visitor(*std::get_if<Index>(&value));
    } else {
        if (value.index() == Index) return visitor(*std::get_if<Index>(&value));
        return match<Index + 1>(value, std::forward<Visitor>(visitor));
    }
}

}  // namespace antler
