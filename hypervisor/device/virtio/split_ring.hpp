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
        next_ = known_ = shown_ = told_ = 0;
        held_ = held_end_ = 0;
        pending_count_ = 0;
        pending_most_ = most_pending();
    }

    [[nodiscard, gnu::always_inline]] DescriptorView<M> view() const {
        return {*memory_, place_.descriptors, place_.size};
    }
    [[nodiscard, gnu::always_inline]] Popped pop(Chain& chain, DescriptorView<M> const& table) {
        if (held_ == held_end_) [[unlikely]] {
            if (auto const got = get_heads(); got != Popped::chain) return got;
        }
        auto const head = heads_[held_];
        if (head >= place_.size) [[unlikely]]
            return Popped::broken;
        RawDescriptor first;
        if (!table.load(head, first)) [[unlikely]]
            return Popped::broken;
        ++held_;
        ++next_;
        chain.id = head;
        chain.slots = 1;
        // Most chains of packets are one descriptor.
        if ((first.flags() & (flag_next | flag_indirect)) == 0) {
            bool const write = (first.flags() & flag_write) != 0;
            chain.segments[0] = {Gpa{first.address}, first.bytes()};
            chain.count = 1;
            chain.readable = write ? 0 : 1;
            chain.readable_bytes = write ? 0 : first.bytes();
            chain.writable_bytes = write ? first.bytes() : 0;
            return Popped::chain;
        }
        return walk(chain, table, first) ? Popped::chain : Popped::broken;
    }
    [[nodiscard]] RingMark mark() const { return {next_, false}; }
    void rewind(RingMark mark) {
        next_ = mark.next;
        held_ = held_end_ = 0;
    }

    // The device is done with a chain and wrote so many bytes into it.
    [[nodiscard]] bool use(Chain const& chain, u32 written) { return use(chain.id, written); }
    [[nodiscard]] bool use(u16 id, u16 /*slots*/, u32 written) { return use(id, written); }

    // Shows the driver all that was used; nothing: broken; else whether it wants to hear of it.
    [[nodiscard, gnu::noinline]] std::optional<bool> publish() {
        if (shown_ == told_ && pending_count_ == 0) return false;
        if (!flush()) return std::nullopt;
        std::atomic_thread_fence(std::memory_order_release);
        if (!put(*memory_, place_.device + 2, shown_)) return std::nullopt;
        std::atomic_thread_fence(std::memory_order_seq_cst);
        auto const before = told_;
        told_ = shown_;
        u16 word = 0;
        auto const at = place_.driver + (options_.event_index ? 4 + 2 * u64{place_.size} : 0);
        if (!fetch(*memory_, at, word)) return std::nullopt;
        if (!options_.event_index) return (word & 1) == 0;
        return static_cast<u16>(shown_ - word - 1) < static_cast<u16>(shown_ - before);
    }

    // Asks to be notified of the next chain; false: one is there already.  Nothing: broken.
    [[nodiscard, gnu::noinline]] std::optional<bool> listen() {
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
        auto const at = place_.driver + 4 + 2 * u64{place};
        auto const first = static_cast<u32>(at.offset_in(8) / sizeof(u16));  // as it lies in memory
        auto const read = memory_->read(at, {reinterpret_cast<u8*>(&heads_[first]), count * sizeof(u16)});
        if (!read.ok()) return Popped::broken;
        held_ = first;
        held_end_ = first + count;
        return Popped::chain;
    }

    [[nodiscard, gnu::always_inline]] bool walk(Chain& chain, DescriptorView<M> const& table,
                                                RawDescriptor descriptor) {
        u64 count = 0;
        u64 readable = 0;
        u64 readable_bytes = 0;
        u64 writable_bytes = 0;
        u64 const most = place_.size < Chain::most_segments ? place_.size : Chain::most_segments;
        while (true) {
            auto const flags = descriptor.flags();
            if ((flags & flag_indirect) != 0) [[unlikely]]
                return walk_with_table(chain, descriptor, count != 0);
            if ((flags & flag_write) != 0) {
                writable_bytes += descriptor.bytes();
            } else {
                if (count != readable) return false;  // what the device reads comes first [virtio 2.7.4.2]
                ++readable;
                readable_bytes += descriptor.bytes();
            }
            chain.segments[count++] = {Gpa{descriptor.address}, descriptor.bytes()};
            if ((flags & flag_next) == 0) break;
            auto const at = descriptor.next();
            if (count == most || at >= place_.size) return false;  // a circle, or out of the ring
            if (!table.load(at, descriptor)) return false;
        }
        if ((readable_bytes | writable_bytes) >> 32 != 0) return false;
        chain.count = static_cast<u16>(count);
        chain.readable = static_cast<u16>(readable);
        chain.readable_bytes = static_cast<u32>(readable_bytes);
        chain.writable_bytes = static_cast<u32>(writable_bytes);
        return true;
    }

    // A chain whose first descriptor points to a table with all of it.
    [[nodiscard, gnu::noinline]] bool walk_with_table(Chain& chain, RawDescriptor where, bool begun) {
        if (!options_.indirect || (where.flags() & flag_next) != 0 || begun) return false;
        auto const id = chain.id;
        chain.clear();
        chain.id = id;
        chain.slots = 1;
        return table(chain, where);
    }

    [[nodiscard]] bool table(Chain& chain, RawDescriptor where) {
        return read_table(*memory_, where.address, where.bytes(),
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
    [[nodiscard, gnu::always_inline]] bool use(u16 id, u32 written) {
        if (pending_count_ == pending_most_ && !flush()) [[unlikely]]
            return false;
        pending_.entries[pending_count_++] = {id, written};
        return true;
    }
    // As many as are gathered, and lie in one piece.
    [[nodiscard]] u32 most_pending() const {
        auto const left = u32{place_.size} - shown_ % place_.size;
        return left < gathered ? left : gathered;
    }
    [[nodiscard, gnu::noinline]] bool flush() {
        if (pending_count_ == 0) return true;
        auto const at = place_.device + 4 + 8 * u64{static_cast<u16>(shown_ % place_.size)};
        auto const bytes = pending_count_ * sizeof(Used);
        shown_ = static_cast<u16>(shown_ + pending_count_);
        pending_count_ = 0;
        pending_most_ = most_pending();
        return memory_->write(at, {reinterpret_cast<u8 const*>(pending_.entries.data()), bytes}).ok();
    }

    M* memory_ = nullptr;
    RingPlace place_{};
    RingOptions options_{};
    u16 next_ = 0;   // the next chain
    u16 known_ = 0;  // the driver's index, as it was read last
    u16 shown_ = 0;  // our index, of the entries that are in the ring
    u16 told_ = 0;   // of it, what the driver can see
    u32 held_ = 0;   // of the heads that were read, the next
    u32 held_end_ = 0;
    u32 pending_count_ = 0;
    u32 pending_most_ = 0;
    alignas(8) std::array<u16, gathered + 3> heads_{};
    struct alignas(8) {
        u32 unused = 0;  // the ring's entries begin above a multiple of eight, as these do
        std::array<Used, gathered> entries{};
    } pending_{};
};

}  // namespace antler::device::virtio
