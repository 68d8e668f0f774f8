// Does the same job again and again, and marks its begin and end for whoever counts instructions; between two
// jobs it sleeps, and says in the end how late it was woken.
#include <array>

#include "guests/lib/guest.hpp"

namespace antler::guests {
namespace {

constexpr u32 jobs = 200;
constexpr u64 words = 4096;  // of memory that a job goes through
constexpr u64 rounds = 16;
constexpr u64 naps_a_second = 200;
constexpr u32 buckets = 12;

// They do nothing: QEMU's plugin sees them (bench/plugin/).
void mark_begin() {
    asm volatile("slti x0, x0, 1" ::: "memory");
}
void mark_end() {
    asm volatile("slti x0, x0, 2" ::: "memory");
}

[[nodiscard]] u64 work(u64* memory) {
    u64 sum = 0;
    for (u64 round = 0; round < rounds; ++round)
        for (u64 i = 0; i < words; ++i) {
            memory[i] = memory[i] * 6364136223846793005 + 1442695040888963407;
            sum ^= memory[i] >> 33;
        }
    return sum;
}

}  // namespace

void run() {
    auto* const memory = reinterpret_cast<u64*>(take_pages(words * 8 / page_bytes));
    auto const hertz = guest().hertz;
    csr::sie::set(irq::bit(irq::timer));
    std::array<u32, buckets> late{};  // in powers of two of a microsecond
    u64 sum = work(memory);           // everything is there once
    say("job: begins");
    for (u32 i = 0; i < jobs; ++i) {
        mark_begin();
        sum ^= work(memory);
        mark_end();
        auto const end = now() + hertz / naps_a_second;
        sbi::set_timer(end);
        while (now() < end) wait_for_interrupt();
        auto const micros = (now() - end) * 1'000'000 / hertz;
        u32 bucket = 0;
        while (bucket + 1 < buckets && (micros >> bucket) != 0) ++bucket;
        ++late[bucket];
    }
    mark_begin();
    for (u32 i = 0; i < buckets; ++i) say("job: late {} {}", u64{1} << i, late[i]);
    say("job: done {:x}", sum);
}

}  // namespace antler::guests
