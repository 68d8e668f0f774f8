// The driver's side of a split virtqueue: chains of pieces go out with a token and come back with it.
#pragma once

#include <atomic>
#include <optional>
#include <span>

#include "abi/virtio_transport.hpp"
#include "base/address.hpp"
#include "base/result.hpp"
#include "platform/virtio_transport.hpp"

namespace antler::platform {

// A stretch of physical memory that the device reads or writes.
struct DmaPiece {
    Hpa at{};
    u32 bytes = 0;
};

// One hart at a time: its owner keeps it behind a lock.  It allocates nothing.
//
//     if (queue.add(out, in, token).ok() && queue.publish()) transport.notify(index);
//     …
//     while (auto const done = queue.take()) …
class DriverQueue {
public:
    static constexpr u16 most_entries = 1024;

    struct Done {
        u32 token = 0;
        u32 written = 0;  // bytes, as the device says
    };

    DriverQueue() = default;
    DriverQueue(DriverQueue const&) = delete;
    DriverQueue& operator=(DriverQueue const&) = delete;

    // House memory for so many entries (a power of two), page-aligned and zeroed: the three parts, and what
    // the driver remembers of each chain.
    [[nodiscard]] static constexpr u64 memory_bytes(u16 entries) {
        return used_offset(entries) + used_bytes(entries) + entries * sizeof(Chain);
    }

    // Empty, whatever was under way before: for a device that was reset.
    void open(std::span<u8> memory, u16 entries, bool event_index);
    [[nodiscard]] QueuePlace place() const;
    [[nodiscard]] bool is_open() const { return entries_ != 0; }

    // Descriptors that are free: a chain takes one for each piece.
    [[nodiscard]] u16 room() const { return room_; }
    [[nodiscard]] u16 in_flight() const { return static_cast<u16>(added_ - taken_); }

    // What the device reads, then what it writes, in this order.  Error::full: nothing was added.
    [[nodiscard]] Result<void> add(std::span<DmaPiece const> read, std::span<DmaPiece const> written,
                                   u32 token);
    // Shows the device all that was added; true when it wants to be notified.
    [[nodiscard]] bool publish();

    // The next chain that came back.  Indices that make no sense break the queue: see is_broken().
    [[nodiscard]] std::optional<Done> take();
    // The device wrote what it may not: reset it, and open() again.
    [[nodiscard]] bool is_broken() const { return broken_; }

    // For an owner with a table for each descriptor, where INDIRECT_DESC was agreed: first of all, for as
    // many as he wants.  From then on add() has no room.   [virtio 2.7.5.3]
    void tie(u16 index, Hpa table);
    void set_table_entries(u16 index, u32 count) {
        descriptors_[index].bytes = count * static_cast<u32>(sizeof(abi::virtio::Descriptor));
    }
    // Of one that is not on its way.
    void add_tied(u16 index) { show(index); }
    // Calls take(index) for those that came back, at most so many.  False: that one was not on its way, which
    // breaks the queue.
    template <class Take>
    void take_tied(u32 most, Take&& take);

    // Asks for an interrupt when the next chain comes back; false when one is there already.
    [[nodiscard]] bool listen();
    // Asks for none.
    void ignore();

private:
    struct Chain {
        u32 token;
        u16 pieces;  // zero: this descriptor begins no chain
        u16 last;    // where the list of free ones goes on when it comes back
    };

    [[nodiscard]] static constexpr u64 available_offset(u16 entries) {
        return entries * sizeof(abi::virtio::Descriptor);
    }
    // Flags, index, ring and event.   [virtio 2.7.6]
    [[nodiscard]] static constexpr u64 available_bytes(u16 entries) { return 6 + 2 * u64{entries}; }
    [[nodiscard]] static constexpr u64 used_offset(u16 entries) {
        return (available_offset(entries) + available_bytes(entries) + 7) & ~u64{7};
    }
    [[nodiscard]] static constexpr u64 used_bytes(u16 entries) {
        return (6 + 8 * u64{entries} + 7) & ~u64{7};
    }

    [[nodiscard]] u16* available(u32 index) const { return available_ + index; }
    [[nodiscard]] u16* used_half(u32 index) const { return used_ + index; }
    [[nodiscard]] u16* used_event() const { return available_ + 2 + entries_; }
    [[nodiscard]] u16* available_event() const { return used_ + 2 + 4 * u32{entries_}; }

    // Whole loads and stores of what the device may touch meanwhile.
    [[nodiscard]] static u16 load(u16* at, std::memory_order order = std::memory_order_relaxed) {
        return std::atomic_ref{*at}.load(order);
    }
    static void store(u16* at, u16 value, std::memory_order order = std::memory_order_relaxed) {
        std::atomic_ref{*at}.store(value, order);
    }
    void show(u16 head) {
        store(available(2 + (added_ & (entries_ - 1u))), head);
        ++added_;
    }

    abi::virtio::Descriptor* descriptors_ = nullptr;
    u16* available_ = nullptr;  // flags, index, ring, used_event
    u16* used_ = nullptr;       // flags, index, elements of four halves, available_event
    Chain* chains_ = nullptr;
    u16 entries_ = 0;
    u16 room_ = 0;
    u16 free_ = 0;       // the first free descriptor; the others follow through `next`
    u16 added_ = 0;      // our available index
    u16 published_ = 0;  // what the device has been shown of it
    u16 taken_ = 0;      // our place in the used ring
    u16 known_ = 0;      // the device's, as it was read last
    bool event_index_ = false;
    bool broken_ = false;
};

inline std::optional<DriverQueue::Done> DriverQueue::take() {
    if (known_ == taken_) {
        if (broken_ || entries_ == 0) return std::nullopt;
        known_ = load(used_half(1), std::memory_order_acquire);
        if (known_ == taken_) return std::nullopt;
        if (static_cast<u16>(known_ - taken_) > in_flight()) {
            broken_ = true;
            known_ = taken_;
            return std::nullopt;
        }
    }
    auto const element =
        *reinterpret_cast<abi::virtio::UsedElement const*>(used_half(2 + 4 * (taken_ & (entries_ - 1u))));
    if (element.id >= entries_ || chains_[element.id].pieces == 0) [[unlikely]] {
        broken_ = true;
        known_ = taken_;
        return std::nullopt;
    }
    auto& chain = chains_[element.id];
    descriptors_[chain.last].next = free_;
    free_ = static_cast<u16>(element.id);
    room_ = static_cast<u16>(room_ + chain.pieces);
    chain.pieces = 0;
    ++taken_;
    return Done{chain.token, element.bytes};
}

template <class Take>
void DriverQueue::take_tied(u32 most, Take&& take) {
    if (broken_ || entries_ == 0) return;
    u32 count = static_cast<u16>(load(used_half(1), std::memory_order_acquire) - taken_);
    if (count > in_flight()) {
        broken_ = true;
        return;
    }
    if (count > most) count = most;
    auto const* const elements = reinterpret_cast<abi::virtio::UsedElement const*>(used_half(2));
    auto const mask = entries_ - 1u;
    u32 at = taken_;
    for (; count != 0; --count, ++at) {
        auto const index = elements[at & mask].id;
        if (index > mask || !take(static_cast<u16>(index))) [[unlikely]] {
            broken_ = true;
            break;
        }
    }
    taken_ = known_ = static_cast<u16>(at);
}

}  // namespace antler::platform
