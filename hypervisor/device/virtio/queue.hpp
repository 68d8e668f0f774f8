// A virtqueue of either kind, as devices use it.
#pragma once

#include "device/virtio/packed_ring.hpp"
#include "device/virtio/split_ring.hpp"

namespace antler::device::virtio {

// Whatever the driver does to its rings, the worst that follows is a broken queue, which stays silent until
// the device is reset.
template <GuestMemory M>
class Queue {
public:
    void open(M& memory, RingPlace const& place, u64 features) {
        RingOptions const options{.indirect = (features & feature::indirect) != 0,
                                  .event_index = (features & feature::event_index) != 0};
        packed_ = (features & feature::packed) != 0;
        open_ = true;
        if (packed_) {
            packed_ring_.open(memory, place, options);
        } else {
            split_.open(memory, place, options);
        }
    }
    void close() { open_ = false; }
    [[nodiscard]] bool is_open() const { return open_; }
    // It was open, and its driver broke a rule.
    [[nodiscard]] bool is_broken() const { return broken_; }
    void reset() { open_ = broken_ = false; }

    // What pop() looks at, for as long as the hart serves nobody else; the queue is open.
    [[nodiscard, gnu::always_inline]] DescriptorView<M> view() const {
        return packed_ ? packed_ring_.view() : split_.view();
    }
    // The next chain; false when there is none.
    [[nodiscard]] bool pop(Chain& chain) { return open_ && pop(chain, view()); }
    [[nodiscard, gnu::always_inline]] bool pop(Chain& chain, DescriptorView<M> const& view) {
        if (!open_) return false;
        auto const popped = packed_ ? packed_ring_.pop(chain) : split_.pop(chain, view);
        if (popped == Popped::broken) break_it();
        return popped == Popped::chain;
    }
    [[nodiscard]] RingMark mark() const { return packed_ ? packed_ring_.mark() : split_.mark(); }
    void rewind(RingMark mark) {
        if (packed_) {
            packed_ring_.rewind(mark);
        } else {
            split_.rewind(mark);
        }
    }
    void use(Chain const& chain, u32 written) { use(chain.id, chain.slots, written); }
    [[gnu::always_inline]] void use(u16 id, u16 slots, u32 written) {
        if (!open_) return;
        if (!(packed_ ? packed_ring_.use(id, slots, written) : split_.use(id, slots, written))) break_it();
    }
    // The next so many chains that are used hold one packet, which the driver sees whole.
    [[nodiscard]] bool begin_group(u32 count) { return !packed_ || packed_ring_.begin_group(count); }
    // Shows what was used; true: the driver wants an interrupt.
    [[nodiscard]] bool publish() {
        if (!open_) return false;
        auto const wanted = packed_ ? packed_ring_.publish() : split_.publish();
        if (!wanted) break_it();
        return wanted.value_or(false);
    }
    // Asks to be notified of the next chain; false: there is one already.
    [[nodiscard]] bool listen() {
        if (!open_) return true;
        auto const quiet = packed_ ? packed_ring_.listen() : split_.listen();
        if (!quiet) break_it();
        return quiet.value_or(true);
    }
    void ignore() {
        if (open_ && !(packed_ ? packed_ring_.ignore() : split_.ignore())) break_it();
    }
    void break_it() {
        open_ = false;
        broken_ = true;
    }

private:
    SplitRing<M> split_{};
    PackedRing<M> packed_ring_{};
    bool packed_ = false;
    bool open_ = false;
    bool broken_ = false;
};

}  // namespace antler::device::virtio
