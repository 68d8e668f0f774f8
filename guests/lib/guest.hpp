// All that a small guest needs: run() is its own, everything else is here.
#pragma once

#include <optional>
#include <string_view>
#include <type_traits>

#include "base/format.hpp"
#include "base/types.hpp"
#include "base/units.hpp"
#include "guests/lib/csr.hpp"
#include "guests/lib/hart.hpp"
#include "guests/lib/sbi.hpp"

namespace antler::guests {

// Every guest defines this one.  When it returns, the guest says what passed and powers off.
void run();

// The console: the firmware's debug console, or its older call for one character.  A line at a time.
struct Console {
    void write(std::string_view text);
};
void flush_line();
// All that came since the last flush, and the end of the line.
void end_line();

// One line.
template <class... Values>
void say(std::string_view format, Values const&... values) {
    Console console;
    print(console, format, values...);
    end_line();
}

// PASS name, or FAIL name and what was found.  Returns what it was told.
bool check(std::string_view name, bool good);
bool check_equal(std::string_view name, u64 found, u64 wanted);

// Says the result and powers off; a failed check makes it a system failure.
[[noreturn]] void finish();
[[noreturn]] void power_off(sbi::ResetReason reason);
// For what a guest cannot go on from.
[[noreturn]] void give_up(std::string_view why);

extern "C" bool guest_try(void (*body)(void*), void* argument);
extern "C" void guest_user(u64 const* registers);
extern "C" void guest_trap_entry();

// Runs `body` and says which exception ended it, if one did.
template <class Body>
[[nodiscard]] std::optional<Trap> expect_trap(Body&& body) {
    Trap trap;
    auto& hart = this_hart();
    auto* const outer = hart.expected;
    auto const outer_recovery = hart.recovery;
    hart.expected = &trap;
    bool const trapped = guest_try([](void* b) { (*static_cast<std::remove_reference_t<Body>*>(b))(); },
                                   const_cast<void*>(static_cast<void const*>(&body)));
    auto& again = this_hart();
    again.expected = outer;
    again.recovery = outer_recovery;
    if (!trapped) return std::nullopt;
    return trap;
}

// Its exception code, or this when there was none.
inline constexpr u64 no_trap = 99;
template <class Body>
[[nodiscard]] u64 trap_cause(Body&& body) {
    auto const trap = expect_trap(body);
    return trap ? trap->cause : no_trap;
}

// Runs code in U-mode until its first trap (an ecall, say).
struct UserRegisters {
    u64 pc{};
    std::array<u64, 31> x1_to_x31{};
    [[nodiscard]] u64& x(usize n) { return x1_to_x31[n - 1]; }
};
[[nodiscard]] Trap run_user(UserRegisters const& registers);

// Whole pages that nobody else has, zero only where the machine's memory is.
[[nodiscard]] u64 take_pages(u64 count, u64 alignment = 4096);
[[nodiscard]] u64 free_bytes();

// Other harts.
sbi::Return start_hart(u64 id, void (*body)(void*), void* argument);
// The mask of one hart for calls with hart_mask_base 0.
[[nodiscard]] constexpr u64 mask_of(u64 hart) {
    return u64{1} << hart;
}
// Spins until the condition holds; false after `milliseconds` of the machine's time.
template <class Condition>
[[nodiscard]] bool within(u64 milliseconds, Condition&& condition) {
    auto const end = now() + guest().hertz * milliseconds / 1000;
    while (!condition()) {
        if (now() > end) return false;
        pause();
    }
    return true;
}

// Waits as long until the hart is in this state, in the eyes of SBI.
[[nodiscard]] inline bool reaches(u64 hart, sbi::HartState state, u64 milliseconds) {
    return within(milliseconds, [=] { return sbi::hart_status(hart).value == static_cast<u64>(state); });
}
// Every hart but this one stops.
[[nodiscard]] inline bool others_stop(u64 milliseconds) {
    bool stopped = true;
    for (u64 hart = 0; hart < guest().hart_count; ++hart)
        stopped = stopped && (hart == this_hart().id || reaches(hart, sbi::HartState::stopped, milliseconds));
    return stopped;
}

// Device registers.
template <class T>
[[nodiscard]] T load(u64 address) {
    return *reinterpret_cast<T const volatile*>(address);
}
template <class T>
void store(u64 address, T value) {
    *reinterpret_cast<T volatile*>(address) = value;
}

}  // namespace antler::guests
