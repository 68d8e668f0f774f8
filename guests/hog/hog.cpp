// Always wants its hart, and says how much of it it got; or, if told `sleep`, never wants it.
#include "guests/lib/device_tree.hpp"
#include "guests/lib/guest.hpp"

namespace antler::guests {
namespace {

constexpr u64 warm_up_ms = 300;  // until everybody else wants it too
constexpr u64 measured_ms = 1000;
constexpr u64 lasts_ms = 1800;

u64 at_ms(u64 ms) {
    return ms * guest().hertz / 1000;
}

// Instructions, counted by doing them: under -icount shift=0 one is a nanosecond.
u64 spin_until(u64 end) {
    u64 done = 0;
    while (now() < end) {
        u64 rounds = 1000;
        asm volatile("1: addi %0, %0, -1\n bnez %0, 1b" : "+r"(rounds));
        done += 2000 + 8;  // and what is around
    }
    return done;
}

}  // namespace

void run() {
    while (told("sleep")) wait_for_interrupt();
    (void)spin_until(at_ms(warm_up_ms));
    auto const start = now();
    auto const done = spin_until(at_ms(warm_up_ms + measured_ms));
    auto const nanos = (now() - start) * (1'000'000'000 / guest().hertz);
    say("hog: {} percent", (done * 100 + nanos / 2) / nanos);
    (void)spin_until(at_ms(lasts_ms));
    say("hog: done");
}

}  // namespace antler::guests
