// What a guest keeps for each of its harts, and once for all of them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <span>

#include "base/address.hpp"
#include "base/format.hpp"
#include "base/types.hpp"
#include "guests/lib/offsets.hpp"

namespace antler::guests {

inline constexpr usize max_harts = 8;

// A trap as the hart told it.
struct Trap {
    u64 cause{};
    u64 tval{};
    u64 epc{};
    u64 sstatus{};
    std::array<u64, 32> x{};  // registers at the trap; x[0] is unused

    [[nodiscard]] bool is_interrupt() const { return static_cast<i64>(cause) < 0; }
    [[nodiscard]] u64 code() const { return cause & ~(u64{1} << 63); }
};

struct Guest;
struct Hart;
using InterruptHandler = void (*)(Hart&, void* argument);

struct Hart {
    std::array<u64, 32> x{};
    u64 pc{}, sstatus{}, scause{}, stval{};
    u64 stack_top{}, trap_stack_top{};
    std::array<u64, 14> recovery{};  // ra, sp, s0 to s11 of guest_try
    u64 id{};
    Guest* guest{};
    Trap* expected{};  // a trap that guest_try waits for
    bool in_trap{};
    struct Handler {
        InterruptHandler run{};
        void* argument{};
    };
    std::array<Handler, 16> handlers{};
    // What a started hart runs.
    void (*body)(void*){};
    void* argument{};
    std::array<char, 240> line{};
    usize line_length = 0;
    alignas(16) std::array<u8, 65536> stack{};
    alignas(16) std::array<u8, 16384> trap_stack{};
};
static_assert(offsetof(Hart, x) == GUEST_HART_X && offsetof(Hart, pc) == GUEST_HART_PC);
static_assert(offsetof(Hart, sstatus) == GUEST_HART_SSTATUS && offsetof(Hart, scause) == GUEST_HART_SCAUSE);
static_assert(offsetof(Hart, stval) == GUEST_HART_STVAL && offsetof(Hart, stack_top) == GUEST_HART_STACK);
static_assert(offsetof(Hart, trap_stack_top) == GUEST_HART_TRAP_STACK);
static_assert(offsetof(Hart, recovery) == GUEST_HART_RECOVERY);

// The whole program.
struct Guest {
    u64 boot_hart{};
    u64 device_tree{};
    u64 hart_count = 1;
    u64 hertz = 10'000'000;
    Range<Gpa> ram{};
    u64 free_start{}, free_end{};  // pages that nobody uses yet
    std::atomic<u64> passed = 0;
    std::atomic<u64> failed = 0;
    std::atomic<bool> console_taken = false;
    std::array<Hart, max_harts> harts{};
};

[[nodiscard]] inline Hart& this_hart() {
    Hart* hart;
    asm("mv %0, tp" : "=r"(hart));
    return *hart;
}
[[nodiscard]] inline Guest& guest() {
    return *this_hart().guest;
}

// Runs when an interrupt with this code is taken, with interrupts off, until it is replaced.
inline void on_interrupt(u64 code, InterruptHandler handler, void* argument = nullptr) {
    this_hart().handlers[code] = {handler, argument};
}

}  // namespace antler::guests
