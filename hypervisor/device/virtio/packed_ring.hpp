// The device's side of a packed virtqueue.   [virtio 2.8]
#pragma once

#include <atomic>

#include "device/virtio/ring.hpp"

namespace antler::device::virtio {

template <GuestMemory M>
class PackedRing {
public:
    void open(M& memory, RingPlace const& place, RingOptions options) {
        memory_ = &memory;
        place_ = place;
        options_ = options;
        next_ = used_ = told_ = {0, true};
        count_ = 0;
    }

    [[nodiscard]] DescriptorView<M> view() const { return {*memory_, place_.descriptors, place_.size}; }
    [[nodiscard, gnu::noinline]] Popped pop(Chain& chain) {
        auto const there = is_available(next_);
        if (!there) return Popped::broken;
        if (!*there) return Popped::empty;
        chain.clear();
        auto at = next_;
        for (u32 steps = 0; steps < place_.size; ++steps) {
            Descriptor descriptor;
            if (!fetch(*memory_, slot(at), descriptor)) return Popped::broken;
            auto const flags = descriptor.next_or_flags;
            at = after(at, 1);
            ++chain.slots;
            chain.id = descriptor.flags_or_id;
            if ((flags & flag_indirect) != 0) {
                if (!options_.indirect || (flags & flag_next) != 0 || chain.count != 0 ||
                    !table(chain, descriptor))
                    return Popped::broken;
            } else if (!chain.add(descriptor.address, descriptor.bytes, (flags & flag_write) != 0)) {
                return Popped::broken;
            }
            if ((flags & flag_next) != 0) continue;
            next_ = at;
            return Popped::chain;
        }
        return Popped::broken;  // more than the ring has
    }
    [[nodiscard]] RingMark mark() const { return {next_.index, next_.wrap}; }
    void rewind(RingMark mark) { next_ = {mark.next, mark.wrap}; }

    [[nodiscard]] bool use(Chain const& chain, u32 written) { return use(chain.id, chain.slots, written); }
    [[nodiscard, gnu::noinline]] bool use(u16 id, u16 slots, u32 written) {
        if (count_ == pending_.size() && !flush()) return false;
        pending_[count_++] = {used_, id, written};
        used_ = after(used_, slots);
        return true;
    }

    // So many are used next that belong together; false: too many.
    [[nodiscard]] bool begin_group(u32 count) {
        if (count > most_grouped) return false;
        return count_ + count <= most_grouped || flush();
    }

    [[nodiscard, gnu::noinline]] std::optional<bool> publish() {
        if (used_ == told_) return false;
        if (!flush()) return std::nullopt;
        std::atomic_thread_fence(std::memory_order_seq_cst);
        auto const before = told_;
        told_ = used_;
        std::array<u16, 2> event{};  // offset and wrap counter; flags   [virtio 2.8.14]
        if (!fetch(*memory_, place_.driver, event)) return std::nullopt;
        if (event[1] == event_enable) return true;
        if (event[1] != event_descriptor || !options_.event_index) return false;
        // In units of one turn: how far behind us the event is, and how far we have come.
        auto const turn = u32{place_.size};
        auto wanted = u32{event[0]} & 0x7fff;
        bool const same_turn = (event[0] >> 15 != 0) == used_.wrap;
        if (wanted >= turn) return false;
        auto const behind = (u32{used_.index} + (same_turn ? 0 : turn) - wanted - 1) & 0xffff;
        auto const come = (u32{used_.index} + (before.wrap == used_.wrap ? 0 : turn) - before.index) & 0xffff;
        return behind < come;
    }

    [[nodiscard, gnu::noinline]] std::optional<bool> listen() {
        std::array<u16, 2> event{0, event_enable};
        if (options_.event_index)
            event = {static_cast<u16>(next_.index | (next_.wrap ? 0x8000 : 0)), event_descriptor};
        if (!put(*memory_, place_.device, event)) return std::nullopt;
        std::atomic_thread_fence(std::memory_order_seq_cst);
        auto const there = is_available(next_);
        if (!there) return std::nullopt;
        return !*there;
    }
    [[nodiscard, gnu::noinline]] bool ignore() {
        return put(*memory_, place_.device, std::array<u16, 2>{0, event_disable});
    }

private:
    static constexpr u32 most_grouped = 48;  // buffers that the driver sees at once
    static constexpr u16 flag_available = 1u << 7, flag_used = 1u << 15;
    static constexpr u16 event_enable = 0, event_disable = 1, event_descriptor = 2;

    struct Place {
        u16 index;
        bool wrap;
        friend bool operator==(Place, Place) = default;
    };
    [[nodiscard]] Place after(Place at, u16 slots) const {
        auto const index = u32{at.index} + slots;
        if (index < place_.size) return {static_cast<u16>(index), at.wrap};
        return {static_cast<u16>(index - place_.size), !at.wrap};
    }
    [[nodiscard]] Gpa slot(Place at) const { return place_.descriptors + u64{at.index} * sizeof(Descriptor); }

    [[nodiscard]] std::optional<bool> is_available(Place at) {
        u16 flags = 0;
        if (!fetch(*memory_, slot(at) + 14, flags)) return std::nullopt;
        std::atomic_thread_fence(std::memory_order_acquire);
        return ((flags & flag_available) != 0) == at.wrap && ((flags & flag_used) != 0) != at.wrap;
    }

    [[nodiscard]] bool table(Chain& chain, Descriptor const& where) {
        return read_table(*memory_, where.address, where.bytes,
                          [&](Descriptor const& one, u32 at, u32 entries) -> std::optional<u32> {
                              if (!chain.add(one.address, one.bytes, (one.next_or_flags & flag_write) != 0))
                                  return std::nullopt;
                              return at + 1 == entries ? at : at + 1;
                          });
    }

    // Backwards, so that who sees the first sees all: a packet in several buffers comes whole. [virtio 2.8.9]
    [[nodiscard]] bool flush() {
        for (u32 i = count_; i-- > 0;) {
            auto const& one = pending_[i];
            u16 flags = one.at.wrap ? flag_available | flag_used : 0;
            if (one.bytes != 0) flags |= flag_write;
            auto const value = u64{one.bytes} | u64{one.id} << 32 | u64{flags} << 48;
            std::atomic_thread_fence(std::memory_order_release);
            if (!put(*memory_, slot(one.at) + 8, value)) return false;
        }
        count_ = 0;
        return true;
    }

    struct Pending {
        Place at;
        u16 id;
        u32 bytes;
    };
    M* memory_ = nullptr;
    RingPlace place_{};
    RingOptions options_{};
    Place next_{0, true};
    Place used_{0, true};
    Place told_{0, true};
    u32 count_ = 0;
    std::array<Pending, most_grouped> pending_{};
};

}  // namespace antler::device::virtio
