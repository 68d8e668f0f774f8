// Loads and stores of aligned words of guest memory through a window, where a fault is an answer.
#pragma once

#include <cstring>
#include <type_traits>

#include "base/types.hpp"
#include "hart/offsets.hpp"

namespace antler::hart {

template <class T>
concept WindowWord = std::is_trivially_copyable_v<T> &&
                     (sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);

#if defined(__riscv)

#define ANTLER_WINDOW_TEXT_(x) #x
#define ANTLER_WINDOW_TEXT(x) ANTLER_WINDOW_TEXT_(x)
#define ANTLER_WINDOW_FIXUP ANTLER_WINDOW_TEXT(ANTLER_HART_FIXUP) "(tp)"
// `instructions` between naming the fixup and taking it back; %[done] stays zero when one faulted.
#define ANTLER_WINDOW_GUARDED(instructions)                                     \
    "la %[scratch], 1f\n sd %[scratch], " ANTLER_WINDOW_FIXUP "\n" instructions \
    "\n li %[done], 1\n"                                                        \
    "1: sd zero, " ANTLER_WINDOW_FIXUP
#define ANTLER_WINDOW_LOAD(mnemonic)                                              \
    asm volatile(ANTLER_WINDOW_GUARDED(mnemonic " %[low], (%[at])")               \
                 : [low] "+&r"(low), [done] "+&r"(done), [scratch] "=&r"(scratch) \
                 : [at] "r"(at)                                                   \
                 : "memory")
#define ANTLER_WINDOW_STORE(mnemonic)                               \
    asm volatile(ANTLER_WINDOW_GUARDED(mnemonic " %[low], (%[at])") \
                 : [done] "+&r"(done), [scratch] "=&r"(scratch)     \
                 : [at] "r"(at), [low] "r"(low)                     \
                 : "memory")

// `at` is aligned to the word, and inside the window.  False: it faulted, and `into` is as it was.
template <WindowWord T>
[[nodiscard, gnu::always_inline]] inline bool load_window(void const* at, T& into) {
    u64 low = 0;
    u64 done = 0;
    u64 scratch;
    if constexpr (sizeof(T) == 16) {
        u64 words[2] = {0, 0};
        asm volatile(
            ANTLER_WINDOW_GUARDED("ld %[low], (%[at])\n ld %[high], 8(%[at])")
            : [low] "+&r"(words[0]), [high] "+&r"(words[1]), [done] "+&r"(done), [scratch] "=&r"(scratch)
            : [at] "r"(at)
            : "memory");
        if (done == 0) return false;
        __builtin_memcpy(&into, words, sizeof into);
        return true;
    } else {
        if constexpr (sizeof(T) == 2) ANTLER_WINDOW_LOAD("lhu");
        if constexpr (sizeof(T) == 4) ANTLER_WINDOW_LOAD("lwu");
        if constexpr (sizeof(T) == 8) ANTLER_WINDOW_LOAD("ld");
        if (done == 0) return false;
        __builtin_memcpy(&into, &low, sizeof into);
        return true;
    }
}
template <WindowWord T>
    requires(sizeof(T) <= 8)
[[nodiscard, gnu::always_inline]] inline bool store_window(void* at, T const& value) {
    u64 low = 0;
    u64 done = 0;
    u64 scratch;
    __builtin_memcpy(&low, &value, sizeof value);
    if constexpr (sizeof(T) == 2) ANTLER_WINDOW_STORE("sh");
    if constexpr (sizeof(T) == 4) ANTLER_WINDOW_STORE("sw");
    if constexpr (sizeof(T) == 8) ANTLER_WINDOW_STORE("sd");
    return done != 0;
}

#undef ANTLER_WINDOW_LOAD
#undef ANTLER_WINDOW_STORE
#undef ANTLER_WINDOW_GUARDED

#else

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
