// VMIDs, dealt out in generations, and GSCIDs.
#pragma once

#include <array>
#include <atomic>

#include "base/locked.hpp"
#include "base/result.hpp"
#include "base/types.hpp"

namespace antler::memory {

// A VMID and the generation it was dealt in.  Generation zero is never current.
struct Tag {
    u64 raw = 0;
    [[nodiscard]] static constexpr Tag of(u64 generation, u16 vmid) { return {generation << 16 | vmid}; }
    [[nodiscard]] constexpr u16 vmid() const { return static_cast<u16>(raw); }
    [[nodiscard]] constexpr u64 generation() const { return raw >> 16; }
    friend constexpr bool operator==(Tag, Tag) = default;
};

// When the VMIDs of a generation are used up the next one begins, and every space needs a new one when it is
// next entered.  No hart is interrupted for that: a translation cache is a hart's own
// [norm:asid_hart_private], and a hart fences a VMID before it first runs a space under it.
class Tags {
public:
    // The least number of VMID bits that any hart has; 0 to 14.                     [norm:hgatp_vmid_lsbs]
    explicit constexpr Tags(u8 vmid_bits) : vmid_bits_{vmid_bits} {}

    // Without VMIDs every entry must fence, as all spaces are number zero.
    [[nodiscard]] bool must_always_fence() const { return vmid_bits_ == 0; }
    [[nodiscard]] bool is_current(Tag tag) const {
        return tag.generation() != 0 && tag.generation() == generation_.load(std::memory_order_seq_cst);
    }
    // For Space::admit_again().
    [[nodiscard]] u64 glance() const { return generation_.load(std::memory_order_relaxed); }
    [[nodiscard]] u64 generation() const { return generation_.load(std::memory_order_seq_cst); }

    // Leaves a current tag in `tag`; if it is a new one, `changed` runs while there is none: whoever held the
    // old one meanwhile sees that it went, and nobody has the new one yet.
    template <class Changed>
    void renew(std::atomic<u64>& tag, Changed&& changed) {
        state_.with([&](State& state) {
            if (is_current(Tag{tag.load(std::memory_order_seq_cst)})) return;
            tag.store(0, std::memory_order_seq_cst);
            changed();
            tag.store(deal(state).raw, std::memory_order_seq_cst);
        });
    }

    // For IOMMUs, which share their numbers among all harts: unique while the space lives.  Zero is no
    // space's.
    [[nodiscard]] Result<u16> take_gscid();
    void give_back_gscid(u16 gscid);

private:
    static constexpr usize max_gscids = 512;
    struct State {
        u32 next = 0;  // the VMID to deal; zero is Bare's, where there are others [norm:hfence-gvma_mode]
        std::array<u64, max_gscids / 64> gscids{1};
    };
    [[nodiscard]] Tag deal(State& state);
    [[nodiscard]] u32 first() const { return must_always_fence() ? 0 : 1; }

    u8 vmid_bits_;
    std::atomic<u64> generation_ = 0;
    Locked<State, Rank::fences> state_;
};

}  // namespace antler::memory
