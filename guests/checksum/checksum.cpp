// Computes the same sum over its memory again and again, and watches the clock: whoever disturbs it is found
// out.
#include "guests/lib/guest.hpp"

namespace antler::guests {
namespace {

constexpr u64 words = 512 * 1024;

u64 sum_of(u64 const* memory) {
    u64 sum = 0;
    for (u64 i = 0; i < words; ++i) sum = (sum << 1 | sum >> 63) ^ memory[i];
    return sum;
}

}  // namespace

// Says a line each second: how long it has been up, how many sums were right, and the longest one.
void run() {
    auto* const memory = reinterpret_cast<u64*>(take_pages(words * sizeof(u64) / 4096));
    u64 seed = 0x9e37'79b9'7f4a'7c15;
    for (u64 i = 0; i < words; ++i) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        memory[i] = seed;
    }
    auto const right = sum_of(memory);
    auto const hertz = guest().hertz;
    u64 rounds = 0;
    u64 longest = 0;
    u64 last = now();
    u64 next_line = last + hertz;
    for (;;) {
        auto const sum = sum_of(memory);
        auto const time = now();
        if (sum != right) say("FAIL the sum changed in round {}", rounds);
        if (time < last) say("FAIL time ran backwards");
        if (time - last > longest) longest = time - last;
        last = time;
        ++rounds;
        if (time < next_line) continue;
        next_line = time + hertz;
        say("checksum: up {} ms, {} rounds are right, the longest took {} ms", time * 1000 / hertz, rounds,
            longest * 1000 / hertz);
    }
}

}  // namespace antler::guests
