// Room for a value that is written before it is read, and costs nothing until then.
#pragma once

#include <type_traits>

namespace antler {

// For large locals whose members start as zero: a list that is filled as far as it is used.
template <class T>
union Unfilled {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
    Unfilled() {}  // NOLINT: nothing is what it is for
    T value;
};

}  // namespace antler
