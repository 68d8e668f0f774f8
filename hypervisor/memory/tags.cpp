// Dealing VMIDs.
#include "memory/tags.hpp"

#include <bit>

#include "base/panic.hpp"

namespace antler::memory {

Tag Tags::deal(State& state) {
    auto const end = u32{1} << vmid_bits_;
    auto generation = generation_.load(std::memory_order_seq_cst);
    if (generation == 0 || (state.next >= end && !must_always_fence())) {
        generation_.store(++generation, std::memory_order_seq_cst);
        state.next = first();
    }
    if (must_always_fence()) return Tag::of(generation, 0);
    return Tag::of(generation, static_cast<u16>(state.next++));
}

Result<u16> Tags::take_gscid() {
    return state_.with([&](State& state) -> Result<u16> {
        for (u32 i = 0; i < state.gscids.size(); ++i) {
            if (state.gscids[i] == ~u64{0}) continue;
            auto const bit = static_cast<u32>(std::countr_one(state.gscids[i]));
            state.gscids[i] |= u64{1} << bit;
            return static_cast<u16>(i * 64 + bit);
        }
        return Err{Error::full};
    });
}

void Tags::give_back_gscid(u16 gscid) {
    state_.with([&](State& state) {
        auto& word = state.gscids[gscid / 64];
        VERIFY(gscid != 0 && (word >> gscid % 64 & 1) != 0);
        word &= ~(u64{1} << gscid % 64);
    });
}

}  // namespace antler::memory
