// Gives pages back by a balloon and takes them again, while another hart, which never leaves the guest of
// itself, reads them. It finds what lies there now, and nothing of what was there before.
#include "guests/lib/device_tree.hpp"
#include "guests/lib/guest.hpp"
#include "guests/lib/virtio_mmio.hpp"

namespace antler::guests {
namespace {

constexpr u32 pages = 8;  // of a round: each comes back at another place than it was
constexpr u16 entries = 8;
constexpr u64 usual_remaps = 10'000;
constexpr u64 patience = 60'000;  // milliseconds

struct [[gnu::packed]] Descriptor {
    u64 at;
    u32 bytes;
    u16 flags, next;
};

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

class Balloon {
public:
    Balloon() {
        auto const found = find_virtio(abi::virtio::DeviceId::balloon);
        if (!found) give_up("there is no balloon");
        base_ = found->base;
        namespace status = abi::virtio::status;
        store<u32>(base_ + mmio::status, 0);
        store<u32>(base_ + mmio::status, status::acknowledge | status::driver);
        choose_features(base_, u64{1} << 32);  // version 1
        table_ = take_pages(1);
        available_ = take_pages(1);
        used_ = take_pages(1);
        list_ = take_pages(1);
        for (auto const page : {available_, used_})
            for (u64 i = 0; i < page_bytes; i += 8) store<u64>(page + i, 0);
        open_queue(base_, 0, entries, table_, available_, used_);
        store<u32>(base_ + mmio::status,
                   status::acknowledge | status::driver | status::features_ok | status::driver_ok);
    }
    // The host has the pages when this returns.
    [[nodiscard]] bool inflate(u64 start, u32 count) {
        for (u32 i = 0; i < count; ++i) store<u32>(list_ + i * 4, static_cast<u32>(start / page_bytes + i));
        auto& first = *reinterpret_cast<Descriptor volatile*>(table_);
        first.at = list_;
        first.bytes = count * 4;
        first.flags = 0;
        store<u16>(available_ + 4 + u64{2} * (given_ % entries), 0);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        store<u16>(available_ + 2, ++given_);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        store<u32>(base_ + mmio::notify, 0);
        bool const done = within(patience, [&] { return load<u16>(used_ + 2) == given_; });
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return done;
    }

private:
    static constexpr u64 page_bytes = 4096;
    u64 base_ = 0, table_ = 0, available_ = 0, used_ = 0, list_ = 0;
    u16 given_ = 0;
};

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
