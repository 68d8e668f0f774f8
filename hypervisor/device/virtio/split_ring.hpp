// The device's side of a split virtqueue.   [virtio 2.7]
#pragma once

#include <atomic>

#include "device/virtio/ring.hpp"

namespace antler::device::virtio {

// Every index and descriptor is read once and checked.  Used entries are gathered and shown by publish().
template <GuestMemory M>
class SplitRing {
public:
    void open(M& memory, RingPlace const& place, RingOptions options) {
        memory_ = &memory;
        place_ = place;
        options_ = options;
        next_ = known_ = used_ = shown_ = told_ = 0;
        held_first_ = 0;
        held_count_ = 0;
    }

    [[nodiscard, gnu::always_inline]] Popped pop(Chain& chain) {
        if (static_cast<u16>(next_ - held_first_) >= held_count_) [[unlikely]] {
            if (auto const got = get_heads(); got != Popped::chain) return got;
        }
        auto const head = heads_[static_cast<u16>(next_ - held_first_)];
        if (head >= place_.size) [[unlikely]]
            return Popped::broken;
        Descriptor first;
        if (!fetch(*memory_, place_.descriptors + u64{head} * sizeof first, first)) [[unlikely]]
            return Popped::broken;
        ++next_;
        chain.id = head;
        chain.slots = 1;
        // Most chains are one descriptor.
        if ((first.flags_or_id & (flag_next | flag_indirect)) == 0) [[likely]] {
            bool const write = (first.flags_or_id & flag_write) != 0;
            chain.segments[0] = {Gpa{first.address}, first.bytes};
            chain.count = 1;
            chain.readable = write ? 0 : 1;
            chain.readable_bytes = write ? 0 : first.bytes;
            chain.writable_bytes = write ? first.bytes : 0;
            return Popped::chain;
        }
        return walk(chain, first) ? Popped::chain : Popped::broken;
    }
    [[nodiscard]] RingMark mark() const { return {next_, false}; }
    void rewind(RingMark mark) { next_ = mark.next; }

    // The device is done with a chain and wrote so many bytes into it.
    [[nodiscard]] bool use(Chain const& chain, u32 written) { return use(chain.id, written); }
    [[nodiscard]] bool use(u16 id, u16 /*slots*/, u32 written) { return use(id, written); }

    // Shows the driver all that was used; nothing: broken; else whether it wants to hear of it.
    [[nodiscard]] std::optional<bool> publish() {
        if (used_ == told_) return false;
        if (!flush()) return std::nullopt;
        std::atomic_thread_fence(std::memory_order_release);
        if (!put(*memory_, place_.device + 2, used_)) return std::nullopt;
        std::atomic_thread_fence(std::memory_order_seq_cst);
        auto const before = told_;
        told_ = used_;
        u16 word = 0;
        auto const at = place_.driver + (options_.event_index ? 4 + 2 * u64{place_.size} : 0);
        if (!fetch(*memory_, at, word)) return std::nullopt;
        if (!options_.event_index) return (word & 1) == 0;
        return static_cast<u16>(used_ - word - 1) < static_cast<u16>(used_ - before);
    }

    // Asks to be notified of the next chain; false: one is there already.  Nothing: broken.
    [[nodiscard]] std::optional<bool> listen() {
        bool const stored = options_.event_index
                                ? put(*memory_, place_.device + 4 + 8 * u64{place_.size}, next_)
                                : put(*memory_, place_.device, u16{0});
        std::atomic_thread_fence(std::memory_order_seq_cst);
        u16 index = 0;
        if (!stored || !fetch(*memory_, place_.driver + 2, index)) return std::nullopt;
        return index == next_;
    }
    // Asks for silence; with event indices silence is what follows when nobody listens.
    [[nodiscard]] bool ignore() { return options_.event_index || put(*memory_, place_.device, u16{1}); }

private:
    static constexpr u16 gathered = 16;

    // Heads are read some at a time: the driver does not change those that it has shown.
    [[nodiscard, gnu::noinline]] Popped get_heads() {
        if (next_ == known_) {
            u16 index = 0;
            if (!fetch(*memory_, place_.driver + 2, index)) return Popped::broken;
            if (static_cast<u16>(index - next_) > place_.size) return Popped::broken;
            if (index == next_) return Popped::empty;
            known_ = index;
            std::atomic_thread_fence(std::memory_order_acquire);
        }
        auto const place = static_cast<u16>(next_ % place_.size);
        auto count = static_cast<u16>(known_ - next_);
        if (count > gathered) count = gathered;
        if (count > place_.size - place) count = static_cast<u16>(place_.size - place);
        auto const read = memory_->read(place_.driver + 4 + 2 * u64{place},
                                        {reinterpret_cast<u8*>(heads_.data()), count * sizeof(u16)});
        if (!read.ok()) return Popped::broken;
        held_first_ = next_;
        held_count_ = count;
        return Popped::chain;
    }

    [[nodiscard, gnu::noinline]] bool walk(Chain& chain, Descriptor descriptor) {
        auto const id = chain.id;
        chain.clear();
        chain.id = id;
        chain.slots = 1;
        for (u32 steps = 0; steps < place_.size; ++steps) {
            auto const flags = descriptor.flags_or_id;
            if ((flags & flag_indirect) != 0)
                return options_.indirect && (flags & flag_next) == 0 && table(chain, descriptor);
            if (!chain.add(descriptor.address, descriptor.bytes, (flags & flag_write) != 0)) return false;
            if ((flags & flag_next) == 0) return true;
            auto const at = descriptor.next_or_flags;
            if (at >= place_.size) return false;
            if (!fetch(*memory_, place_.descriptors + u64{at} * sizeof descriptor, descriptor)) return false;
        }
        return false;  // a circle
    }

    [[nodiscard]] bool table(Chain& chain, Descriptor const& where) {
        return read_table(*memory_, where.address, where.bytes,
                          [&](Descriptor const& one, u32 at, u32 entries) -> std::optional<u32> {
                              auto const flags = one.flags_or_id;
                              if ((flags & flag_indirect) != 0 ||
                                  !chain.add(one.address, one.bytes, (flags & flag_write) != 0))
                                  return std::nullopt;
                              if ((flags & flag_next) == 0) return at;
                              if (one.next_or_flags >= entries || one.next_or_flags == at)
                                  return std::nullopt;
                              return one.next_or_flags;
                          });
    }

    struct Used {
        u32 id, bytes;
    };
    [[nodiscard]] bool use(u16 id, u32 written) {
        auto const count = static_cast<u16>(used_ - shown_);
        if (count == gathered || (count != 0 && used_ % place_.size == 0)) {
            if (!flush()) return false;
        }
        pending_[static_cast<u16>(used_ - shown_)] = {id, written};
        ++used_;
        return true;
    }
    [[nodiscard, gnu::noinline]] bool flush() {
        auto const count = static_cast<u16>(used_ - shown_);
        if (count == 0) return true;
        auto const at = place_.device + 4 + 8 * u64{static_cast<u16>(shown_ % place_.size)};
        shown_ = used_;
        return memory_->write(at, {reinterpret_cast<u8 const*>(pending_.data()), count * sizeof(Used)}).ok();
    }

    M* memory_ = nullptr;
    RingPlace place_{};
    RingOptions options_{};
    u16 next_ = 0;   // the next chain
    u16 known_ = 0;  // the driver's index, as it was read last
    u16 used_ = 0;   // our index
    u16 shown_ = 0;  // of the entries that are in the ring
    u16 told_ = 0;   // of the index that the driver can see
    u16 held_first_ = 0;
    u16 held_count_ = 0;
    alignas(8) std::array<u16, gathered> heads_{};
    alignas(8) std::array<Used, gathered> pending_{};
};

}  // namespace antler::device::virtio
