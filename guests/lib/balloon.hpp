// A driver of a virtio balloon: gives pages to the host, and says that it takes them back.
#pragma once

#include "guests/lib/guest.hpp"
#include "guests/lib/virtio_mmio.hpp"

namespace antler::guests {

class Balloon {
public:
    static constexpr u32 most_pages = 1024;  // in one list

    Balloon() {
        auto const found = find_virtio(abi::virtio::DeviceId::balloon);
        if (!found) give_up("there is no balloon");
        base_ = found->base;
        namespace status = abi::virtio::status;
        store<u32>(base_ + mmio::status, 0);
        store<u32>(base_ + mmio::status, status::acknowledge | status::driver);
        choose_features(base_, abi::virtio::feature::version_1);
        list_ = take_pages(1);
        for (u32 number = 0; number < queues_.size(); ++number) {
            auto const rings = take_pages(1);
            for (u64 i = 0; i < page_bytes; i += 8) store<u64>(rings + i, 0);
            queues_[number].rings = rings;
            open_queue(base_, number, entries, rings, rings + available, rings + used);
        }
        store<u32>(base_ + mmio::status,
                   status::acknowledge | status::driver | status::features_ok | status::driver_ok);
    }

    // Pages from `start` on, each `step` behind the one before.  The host has them when this returns.
    [[nodiscard]] bool inflate(u64 start, u32 count, u32 step = 1) { return give(0, start, count, step); }
    // The host knows that the guest will use them again.
    [[nodiscard]] bool deflate(u64 start, u32 count, u32 step = 1) { return give(1, start, count, step); }

private:
    static constexpr u16 entries = 8;
    static constexpr u64 page_bytes = 4096, available = 1024, used = 2048;
    static constexpr u64 patience = 60'000;  // milliseconds

    struct [[gnu::packed]] Descriptor {
        u64 at;
        u32 bytes;
        u16 flags, next;
    };
    struct Queue {
        u64 rings = 0;
        u16 given = 0;
    };

    [[nodiscard]] bool give(u32 number, u64 start, u32 count, u32 step) {
        auto& queue = queues_[number];
        for (u32 i = 0; i < count; ++i)
            store<u32>(list_ + i * 4, static_cast<u32>(start / page_bytes + u64{i} * step));
        auto& first = *reinterpret_cast<Descriptor volatile*>(queue.rings);
        first.at = list_;
        first.bytes = count * 4;
        first.flags = 0;
        store<u16>(queue.rings + available + 4 + u64{2} * (queue.given % entries), 0);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        store<u16>(queue.rings + available + 2, ++queue.given);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        store<u32>(base_ + mmio::notify, number);
        bool const done = within(patience, [&] { return load<u16>(queue.rings + used + 2) == queue.given; });
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return done;
    }

    u64 base_ = 0, list_ = 0;
    std::array<Queue, 2> queues_{};
};

}  // namespace antler::guests
