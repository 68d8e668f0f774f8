// Gives pages back by a balloon and takes them again, while another hart, which never leaves the guest of
// itself, reads them. It finds what lies there now, and nothing of what was there before.
#include "guests/lib/balloon.hpp"
#include "guests/lib/device_tree.hpp"
#include "guests/lib/guest.hpp"

namespace antler::guests {
namespace {

constexpr u32 pages = 8;  // of a round: each comes back at another place than it was
constexpr u64 usual_remaps = 10'000;
constexpr u64 patience = 60'000;  // milliseconds

// What the two harts tell each other; the pages that come and go are between rounds whole.
struct Shared {
    u64 start = 0;
    std::atomic<u64> round = 0;  // of the hart that remaps; it is done when `ends`
    std::atomic<u64> seen = 0;   // of the one that looks
    std::atomic<bool> ends = false;
    std::atomic<u64> stale = 0, looks = 0;
    u64 wrong_at = 0, wrong = 0;
};

[[nodiscard]] u64 word_of(u64 round, u32 page) {
    return (round * pages + page + 1) * 0x9e37'79b9'7f4a'7c15;
}

void look(Shared& shared, u64 round) {
    for (u32 page = 0; page < pages; ++page) {
        auto const found = load<u64>(shared.start + u64{page} * 4096);
        if (found == word_of(round, page)) continue;
        shared.wrong_at = shared.start + u64{page} * 4096;
        shared.wrong = found;
        shared.stale.fetch_add(1);
    }
    shared.looks.fetch_add(pages);
}

void watch(void* argument) {
    auto& shared = *static_cast<Shared*>(argument);
    for (u64 round = 1;; ++round) {
        while (shared.round.load(std::memory_order_acquire) < round)
            if (shared.ends.load()) return;
        look(shared, round);
        shared.seen.store(round, std::memory_order_release);
    }
}

[[nodiscard]] u64 wanted_remaps() {
    auto const wanted = number_of("remaps=");
    return wanted != 0 ? wanted : usual_remaps;
}

}  // namespace

void run() {
    if (guest().hart_count < 2) give_up("two harts are needed");
    Shared shared;
    shared.start = take_pages(pages, 64 * 1024);
    Balloon balloon;
    auto const other = this_hart().id == 0 ? 1 : 0;
    start_hart(other, watch, &shared);
    auto const remaps = wanted_remaps();
    auto const rounds = (remaps + pages - 1) / pages;
    u64 not_zero = 0;
    bool answered = true;
    for (u64 round = 1; round <= rounds && answered; ++round) {
        // In another order each time, so that addresses find other frames.
        for (u32 i = 0; i < pages; ++i) {
            auto const page = static_cast<u32>((i * 3 + round) % pages);
            auto const at = shared.start + u64{page} * 4096;
            if (round != 1 && load<u64>(at) != 0) ++not_zero;
            store<u64>(at, word_of(round, page));
        }
        shared.round.store(round, std::memory_order_release);
        answered = within(patience, [&] { return shared.seen.load(std::memory_order_acquire) == round; });
        // The other hart waits in its loop meanwhile.
        answered = answered && balloon.inflate(shared.start, pages);
    }
    shared.ends = true;
    check("every round was answered", answered);
    check("the other hart stops", others_stop(patience));
    check_equal("words that are not zero in pages that came back", not_zero, 0);
    if (shared.stale != 0) say("remap: {:x} was read at {:x}", shared.wrong, shared.wrong_at);
    check_equal("stale reads", shared.stale, 0);
    say("remap: {} remaps, {} reads by another hart, {} of them stale", rounds * pages, u64{shared.looks},
        u64{shared.stale});
}

}  // namespace antler::guests
