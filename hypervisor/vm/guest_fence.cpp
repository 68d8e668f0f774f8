// Fences for a guest's own translations, each bounded in work.
#include "vm/guest_fence.hpp"

#include "hart/fence.hpp"

namespace antler::vm {
namespace {

constexpr u64 most_pages = 64;

// Pages that [start, start + size) touches, or more than most_pages.
u64 pages_of(GuestFence const& fence) {
    if (fence.size > most_pages * page_bytes) return most_pages + 1;
    return (fence.start.offset_in(page_bytes) + fence.size + page_bytes - 1) / page_bytes;
}

}  // namespace

void execute(GuestFence const& fence) {
    auto const pages = pages_of(fence);
    auto const first = fence.start.align_down(page_bytes);
    switch (fence.kind) {
        case GuestFence::Kind::instructions: return hart::fence_i(FenceSite::asked_for_code);
        case GuestFence::Kind::all: return hart::hfence_vvma_all(FenceSite::asked_for_all);
        case GuestFence::Kind::address_space:
            return hart::hfence_vvma_asid(FenceSite::asked_for_space, fence.asid);
        case GuestFence::Kind::range:
            if (pages > most_pages) return hart::hfence_vvma_all(FenceSite::asked_for_long_range);
            for (u64 page = 0; page < pages; ++page)
                hart::hfence_vvma(FenceSite::asked_for_range, first + page * page_bytes);
            return;
        case GuestFence::Kind::range_of_space:
            if (pages > most_pages)
                return hart::hfence_vvma_asid(FenceSite::asked_for_long_range_of_space, fence.asid);
            for (u64 page = 0; page < pages; ++page)
                hart::hfence_vvma(FenceSite::asked_for_range_of_space, first + page * page_bytes, fence.asid);
            return;
    }
}

}  // namespace antler::vm
