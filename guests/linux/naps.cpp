// A Linux program without a C library: sleeps until the next millisecond, time and again, and says how late
// it woke up, as cyclictest does.
#include "guests/linux/system_calls.hpp"

asm(".globl _start\n"
    "_start: andi sp, sp, -16\n"
    "call antler_naps\n");

namespace {

using namespace antler::guest_linux;
using antler::u32;
using antler::u64;

constexpr u64 second = 1'000'000'000, interval = 1'000'000;
constexpr u64 absolute = 1;
constexpr u32 naps = 2'000;
// The kernel ends its start in the background, which takes it most of a second; of a hart that others want
// too, it has a part only.
constexpr u32 seconds_to_settle = 4;

u64 now() {
    Time time;
    call(Call::clock_gettime, {monotonic, address(&time)});
    return time.seconds * second + time.nanos;
}

// How often it was so many microseconds late; the last one is that or more.
constexpr u64 buckets = 65'536;
u32 histogram[buckets];

// Before everybody else, and woken when it asked for it, not up to 50 us later.
void become_urgent() {
    constexpr u64 this_process = 0, first_in_first_out = 1;
    u32 const priority = 80;
    call(Call::sched_setscheduler, {this_process, first_in_first_out, address(&priority)});
}

}  // namespace

extern "C" [[noreturn]] void antler_naps() {
    for (u32 i = 0; i < seconds_to_settle; ++i) let_the_kernel_settle();
    become_urgent();
    u64 worst = 0;
    auto next = now() + interval;
    for (u32 i = 0; i < naps; ++i) {
        Time const until{next / second, next % second};
        call(Call::clock_nanosleep, {monotonic, absolute, address(&until)});
        auto const woken = now();
        auto const late = woken - next;
        if (late > worst) worst = late;
        auto const bucket = late / 1000;
        ++histogram[bucket < buckets ? bucket : buckets - 1];
        // What it slept through is gone.
        do next += interval;
        while (next < woken);
    }
    say("\nlate worst ");
    say(worst);
    for (u64 i = 0; i < buckets; ++i) {
        if (histogram[i] == 0) continue;
        say("\nlate by ");
        say(i);
        say(" times ");
        say(histogram[i]);
    }
    say("\nlate over\n");
    power_off();
    leave(0);
}
