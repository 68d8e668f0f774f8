// Sleeps again and again, and says how late it was woken: what a person at a prompt would feel.
#include <array>

#include "guests/lib/device_tree.hpp"
#include "guests/lib/guest.hpp"

namespace antler::guests {
namespace {

constexpr u32 naps = 50;
constexpr u64 naps_a_second = 100;

}  // namespace

void run() {
    // For ever, as one of many who are there and want nothing.
    while (told("rests")) wait_for_interrupt();
    csr::sie::set(irq::bit(irq::timer));
    auto const hertz = guest().hertz;
    auto const micros = [&](u64 ticks) { return ticks * 1'000'000 / hertz; };
    for (;;) {
        std::array<u64, naps> late{};  // in order
        for (u32 i = 0; i < naps; ++i) {
            auto const end = now() + hertz / naps_a_second;
            sbi::set_timer(end);
            while (now() < end) wait_for_interrupt();
            auto const was = now() - end;
            auto at = i;
            for (; at != 0 && late[at - 1] > was; --at) late[at] = late[at - 1];
            late[at] = was;
        }
        say("nap: woken {} us late, {} us at most", micros(late[naps / 2]), micros(late[naps - 1]));
    }
}

}  // namespace antler::guests
