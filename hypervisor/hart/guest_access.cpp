// The accessors of guest memory: each names its fixup before it may fault.
#include "hart/guest_access.hpp"

#include <array>

#include "hart/hart.hpp"
#include "hart/offsets.hpp"

#if defined(__riscv)

extern "C" {
antler::u64 antler_copy_guarded(void* to, void const* from, antler::u64 bytes);
antler::u64 antler_copy_guarded_by_vector(void* to, void const* from, antler::u64 bytes, void* room);
}

namespace antler::hart {
namespace {

#define ANTLER_TEXT_(x) #x
#define ANTLER_TEXT(x) ANTLER_TEXT_(x)
#define ANTLER_FIXUP ANTLER_TEXT(ANTLER_HART_FIXUP) "(tp)"

// `instruction` between naming the fixup and taking it back; %[done] stays zero when it faulted.
#define ANTLER_GUARDED(instruction)                                     \
    ".option push\n .option arch, +h\n"                                 \
    "la %[scratch], 1f\n sd %[scratch], " ANTLER_FIXUP "\n" instruction \
    "\n li %[done], 1\n"                                                \
    "1: sd zero, " ANTLER_FIXUP "\n .option pop"

#define ANTLER_LOAD(name, mnemonic)                                                       \
    std::optional<u64> name(Gva at) {                                                     \
        u64 value = 0;                                                                    \
        u64 done = 0;                                                                     \
        u64 scratch;                                                                      \
        asm volatile(ANTLER_GUARDED(mnemonic " %[value], (%[at])")                        \
                     : [value] "+&r"(value), [done] "+&r"(done), [scratch] "=&r"(scratch) \
                     : [at] "r"(at.raw())                                                 \
                     : "memory");                                                         \
        if (done == 0) return std::nullopt;                                               \
        return value;                                                                     \
    }

#define ANTLER_STORE(name, mnemonic)                                \
    bool name(Gva at, u64 value) {                                  \
        u64 done = 0;                                               \
        u64 scratch;                                                \
        asm volatile(ANTLER_GUARDED(mnemonic " %[value], (%[at])")  \
                     : [done] "+&r"(done), [scratch] "=&r"(scratch) \
                     : [at] "r"(at.raw()), [value] "r"(value)       \
                     : "memory");                                   \
        return done != 0;                                           \
    }

ANTLER_LOAD(load8, "hlv.bu")
ANTLER_LOAD(load16, "hlv.hu")
ANTLER_LOAD(load32, "hlv.wu")
ANTLER_LOAD(load64, "hlv.d")
ANTLER_LOAD(fetch16, "hlvx.hu")
ANTLER_STORE(store8, "hsv.b")
ANTLER_STORE(store16, "hsv.h")
ANTLER_STORE(store32, "hsv.w")
ANTLER_STORE(store64, "hsv.d")

}  // namespace

std::optional<u64> load_guest(Gva at, u8 width) {
    switch (width) {
        case 1: return load8(at);
        case 2: return load16(at);
        case 4: return load32(at);
        case 8: return load64(at);
        default: return std::nullopt;
    }
}

bool store_guest(Gva at, u8 width, u64 value) {
    switch (width) {
        case 1: return store8(at, value);
        case 2: return store16(at, value);
        case 4: return store32(at, value);
        case 8: return store64(at, value);
        default: return false;
    }
}

std::optional<u16> fetch_guest(Gva at) {
    auto const value = fetch16(at);
    if (!value) return std::nullopt;
    return static_cast<u16>(*value);
}

[[gnu::noinline]] static u64 copy_by_vector(void* to, void const* from, u64 bytes) {
    std::array<u8, 8 * widest_copy_unit> room;
    return antler_copy_guarded_by_vector(to, from, bytes, room.data());
}

u64 copy_guarded(void* to, void const* from, u64 bytes) {
    // Vector registers take any alignment, and much at a time; it costs 20 instructions to keep what is in
    // them.
    constexpr u64 worth_while = 16, always_worth_while = 56;
    bool const aligned = ((reinterpret_cast<usize>(to) ^ reinterpret_cast<usize>(from)) & 7) == 0;
    if (bytes < (aligned ? always_worth_while : worth_while) || this_hart().copy_unit == 0)
        return antler_copy_guarded(to, from, bytes);
    return copy_by_vector(to, from, bytes);
}

}  // namespace antler::hart

#endif
