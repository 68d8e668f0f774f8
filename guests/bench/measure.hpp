// How a row of the bench is measured: the time CSR around batches, the best batch counts.
#pragma once

#include <string_view>

#include "guests/lib/device_tree.hpp"
#include "guests/lib/guest.hpp"

namespace antler::guests::bench {

// Tenths of an instruction.  Under -icount shift=0 an instruction is a nanosecond.
struct Tenths {
    u64 n{};
    friend constexpr auto operator<=>(Tenths, Tenths) = default;
};

[[nodiscard]] inline u64 instructions_per_tick() {
    return 1'000'000'000 / guest().hertz;
}

[[nodiscard]] inline Tenths tenths(u64 ticks, u64 operations) {
    return {(ticks * instructions_per_tick() * 10 + operations / 2) / operations};
}

// The start of a tick, so that batches do not begin in the middle of one.
[[nodiscard]] inline u64 start_of_tick() {
    auto const before = now();
    auto after = before;
    while (after == before) after = now();
    return after;
}

inline void report(std::string_view row, Tenths value) {
    if (value.n % 10 == 0) {
        say("bench {} {}", row, value.n / 10);
    } else {
        say("bench {} {}.{}", row, value.n / 10, value.n % 10);
    }
}

struct Batches {
    u64 operations = 200;
    u64 count = 100;
};

// `body(n)` does the operation n times.
template <class Body>
void measure(std::string_view row, Batches batches, Body&& body) {
    if (!wanted("row=", row)) return;
    u64 best = ~u64{0};
    if (told("few")) batches.count = 1;  // each instruction is written down
    for (u64 i = 0; i < batches.count; ++i) {
        auto const start = start_of_tick();
        body(batches.operations);
        auto const taken = now() - start;
        if (taken < best) best = taken;
    }
    report(row, tenths(best, batches.operations));
}

// Runs with a handler of its own and one interrupt open.
class WithHandler {
public:
    WithHandler(void (*handler)(), u64 interrupt) : old_{csr::stvec::swap(reinterpret_cast<u64>(handler))} {
        csr::sie::write(irq::bit(interrupt));
        interrupts_on();
    }
    ~WithHandler() {
        interrupts_off();
        csr::sie::write(0);
        csr::stvec::write(old_);
    }
    WithHandler(WithHandler const&) = delete;
    WithHandler& operator=(WithHandler const&) = delete;

private:
    u64 old_;
};

extern "C" {
void bench_software_handler();
void bench_timer_handler();
void bench_masking_handler();
void bench_answer_once();
void bench_answer_always();
void bench_answer_messages();
}

void measure_two_harts();

// Messages of a hart to itself, where it has an interrupt file.
void measure_own_messages();

// Gives pages to the host and touches them again.
void measure_balloon();

// Lets a device of this hart's interrupt the other, again and again; what that takes others find out.
void inject();

}  // namespace antler::guests::bench
