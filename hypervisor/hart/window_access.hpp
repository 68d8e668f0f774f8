// Loads and stores of aligned words of guest memory through a window, where a fault is an answer.
#pragma once

#include <cstring>
#include <type_traits>

#include "base/types.hpp"

namespace antler::hart {

template <class T>
concept WindowWord = std::is_trivially_copyable_v<T> && (sizeof(T) == 1 || sizeof(T) == 2 || sizeof(T) == 4 ||
                                                         sizeof(T) == 8 || sizeof(T) == 16);

#if defined(__riscv)

// An access that may fault costs nothing when it does not: a table says where to go on after a fault at `1`.
// The entry lies in the group of the function, and goes with it.
#define ANTLER_WINDOW_FIXUP(label)                       \
    "\n.pushsection .antler_fixups, \"a?\"\n.balign 4\n" \
    ".word " label " - .\n.word %l[faulted] - .\n.popsection\n"

// Two words; both or none.
[[nodiscard, gnu::always_inline]] inline bool load_window_pair(void const* at, u64& low, u64& high) {
    u64 first;
    u64 second;
    asm goto volatile("1: ld %[low], (%[at])\n2: ld %[high], 8(%[at])" ANTLER_WINDOW_FIXUP("1b")
                          ANTLER_WINDOW_FIXUP("2b")
                      : [low] "=&r"(first), [high] "=r"(second)
                      : [at] "r"(at)
                      : "memory"
                      : faulted);
    low = first;
    high = second;
    return true;
faulted:
    return false;
}

// `at` is aligned to the word, and inside the window.  False: it faulted, and `into` is as it was.
template <WindowWord T>
[[nodiscard, gnu::always_inline]] inline bool load_window(void const* at, T& into) {
#define ANTLER_WINDOW_LOAD(mnemonic)                                              \
    asm goto volatile("1: " mnemonic " %[low], (%[at])" ANTLER_WINDOW_FIXUP("1b") \
                      : [low] "=r"(low)                                           \
                      : [at] "r"(at)                                              \
                      : "memory"                                                  \
                      : faulted)
    if constexpr (sizeof(T) == 16) {
        u64 words[2];
        if (!load_window_pair(at, words[0], words[1])) return false;
        __builtin_memcpy(&into, words, sizeof into);
    } else {
        u64 low;
        if constexpr (sizeof(T) == 1) ANTLER_WINDOW_LOAD("lbu");
        if constexpr (sizeof(T) == 2) ANTLER_WINDOW_LOAD("lhu");
        if constexpr (sizeof(T) == 4) ANTLER_WINDOW_LOAD("lwu");
        if constexpr (sizeof(T) == 8) ANTLER_WINDOW_LOAD("ld");
        __builtin_memcpy(&into, &low, sizeof into);
    }
    return true;
faulted:
    return false;
#undef ANTLER_WINDOW_LOAD
}
template <WindowWord T>
    requires(sizeof(T) <= 8)
[[nodiscard, gnu::always_inline]] inline bool store_window(void* at, T const& value) {
#define ANTLER_WINDOW_STORE(mnemonic)                                             \
    asm goto volatile("1: " mnemonic " %[low], (%[at])" ANTLER_WINDOW_FIXUP("1b") \
                      :                                                           \
                      : [at] "r"(at), [low] "r"(low)                              \
                      : "memory"                                                  \
                      : faulted)
    u64 low = 0;
    __builtin_memcpy(&low, &value, sizeof value);
    if constexpr (sizeof(T) == 1) ANTLER_WINDOW_STORE("sb");
    if constexpr (sizeof(T) == 2) ANTLER_WINDOW_STORE("sh");
    if constexpr (sizeof(T) == 4) ANTLER_WINDOW_STORE("sw");
    if constexpr (sizeof(T) == 8) ANTLER_WINDOW_STORE("sd");
    return true;
faulted:
    return false;
#undef ANTLER_WINDOW_STORE
}

#undef ANTLER_WINDOW_FIXUP

#else

[[nodiscard]] inline bool load_window_pair(void const* at, u64& low, u64& high) {
    if (at == nullptr) return false;  // a window that shows nothing
    __builtin_memcpy(&low, at, sizeof low);
    __builtin_memcpy(&high, static_cast<u8 const*>(at) + sizeof low, sizeof high);
    return true;
}
template <WindowWord T>
[[nodiscard]] bool load_window(void const* at, T& into) {
    if (at == nullptr) return false;  // a window that shows nothing
    __builtin_memcpy(&into, at, sizeof into);
    return true;
}
template <WindowWord T>
[[nodiscard]] bool store_window(void* at, T const& value) {
    if (at == nullptr) return false;
    __builtin_memcpy(at, &value, sizeof value);
    return true;
}

#endif

}  // namespace antler::hart
