// What a page costs that goes to the host by a balloon, and comes back; and what it costs that it was part of
// a larger one.
#include "guests/lib/balloon.hpp"
#include "guests/bench/measure.hpp"

namespace antler::guests::bench {
namespace {

constexpr u64 page_bytes = 4096;
constexpr u64 huge_page = 2 << 20;
constexpr u64 blocks = 16;               // of the size of a huge page
constexpr u64 first = 99, second = 301;  // pages of a block, in groups of sixteen that are not the same
constexpr u32 list = 128, apart = 2;     // pages in a list, no two of them neighbours
constexpr u64 of_the_list = 4;           // where in a block it begins; it passes both of them by

class Stopwatch {
public:
    template <class Body>
    void measure(Body&& body) {
        auto const start = start_of_tick();
        body();
        taken_ += now() - start;
    }
    [[nodiscard]] Tenths each(u64 operations) const { return tenths(taken_, operations); }

private:
    u64 taken_ = 0;
};

void must(bool done) {
    if (!done) give_up("the balloon does not answer");
}

}  // namespace

void measure_balloon() {
    Balloon balloon;
    auto const start = take_pages(blocks * huge_page / page_bytes, huge_page);
    for (u64 at = start; at < start + blocks * huge_page; at += page_bytes) store<u64>(at, 1);
    auto const give = [&](u64 block, u64 page) {
        must(balloon.inflate(start + block * huge_page + page * page_bytes, 1));
    };
    Stopwatch split, whole, in, out;
    for (u64 block = 0; block < blocks; ++block) {
        split.measure([&] { give(block, first); });
        whole.measure([&] { give(block, second); });
    }
    auto const both = split.each(blocks), alone = whole.each(blocks);
    if (wanted("row=", "split_2m")) report("split_2m", {both > alone ? both.n - alone.n : 0});
    for (u64 block = 0; block < blocks; ++block) {
        auto const at = start + block * huge_page + of_the_list * page_bytes;
        in.measure([&] { must(balloon.inflate(at, list, apart)); });
        out.measure([&] {
            must(balloon.deflate(at, list, apart));
            for (u64 i = 0; i < list; ++i) store<u64>(at + i * apart * page_bytes, i);
        });
    }
    if (wanted("row=", "balloon_page")) report("balloon_page", in.each(blocks * list));
    if (wanted("row=", "balloon_back")) report("balloon_back", out.each(blocks * list));
}

}  // namespace antler::guests::bench
