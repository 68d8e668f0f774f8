// A CSR that may not exist: reading it is an answer, not a trap.
#pragma once

#include <optional>

#include "base/types.hpp"
#include "hart/offsets.hpp"

namespace antler::hart {

#define ANTLER_GUARD_TEXT_(x) #x
#define ANTLER_GUARD_TEXT(x) ANTLER_GUARD_TEXT_(x)

// Needs tp and stvec: a fault continues at the fixup.
#if defined(__riscv)
#define ANTLER_TRY_CSR(instruction)                                                                \
    u64 value = 0;                                                                                 \
    u64 done = 0;                                                                                  \
    u64 scratch;                                                                                   \
    asm volatile("la %[scratch], 1f\n sd %[scratch], " ANTLER_GUARD_TEXT(                          \
                     ANTLER_HART_FIXUP) "(tp)\n" instruction                                       \
                                        "\n li %[done], 1\n"                                       \
                                        "1: sd zero, " ANTLER_GUARD_TEXT(ANTLER_HART_FIXUP) "(tp)" \
                 : [value] "+&r"(value), [done] "+&r"(done), [scratch] "=&r"(scratch)              \
                 : [csr] "i"(Name::number), [wanted] "r"(wanted)                                   \
                 : "memory");                                                                      \
    if (done == 0) return std::nullopt;                                                            \
    return value

template <class Name>
[[nodiscard]] std::optional<u64> try_read() {
    u64 const wanted = 0;
    ANTLER_TRY_CSR("csrr %[value], %[csr]");
}
template <class Name>
[[nodiscard]] std::optional<u64> try_swap(u64 wanted) {
    ANTLER_TRY_CSR("csrrw %[value], %[csr], %[wanted]");
}
#else
template <class Name>
[[nodiscard]] std::optional<u64> try_read() {
    return Name::read_raw();
}
template <class Name>
[[nodiscard]] std::optional<u64> try_swap(u64 wanted) {
    auto const before = Name::read_raw();
    Name::write_raw(wanted);
    return before;
}
#endif

// What of `wanted` the register keeps; it is put back afterwards.  None: there is no such register.
template <class Name>
[[nodiscard]] std::optional<u64> try_bits(u64 wanted) {
    auto const before = try_read<Name>();
    if (!before) return std::nullopt;
    Name::write_raw(wanted);
    auto const kept = Name::read_raw();
    Name::write_raw(*before);
    return kept;
}

}  // namespace antler::hart
