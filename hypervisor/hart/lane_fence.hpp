// The fences that the ecall lane executes: remote ones whose only target is the caller, of one page at most.
#pragma once

#include "abi/sbi.hpp"
#include "abi/sbi_lane.hpp"
#include "hart/fence.hpp"

namespace antler::hart {

// False: it is not such a call, and nothing was done.
[[nodiscard, gnu::always_inline]] inline bool lane_fence(u64 function, u64 start, u64 size, u64 asid) {
    using abi::sbi::RfenceFid;
    if (function == static_cast<u64>(RfenceFid::remote_fence_i)) {
        fence_i(FenceSite::lane_code);
        return true;
    }
    if (function == static_cast<u64>(RfenceFid::remote_sfence_vma) && abi::sbi::is_one_page(start, size)) {
        hfence_vvma(FenceSite::lane_page, Gva{start});
        return true;
    }
    if (function == static_cast<u64>(RfenceFid::remote_sfence_vma_asid) &&
        abi::sbi::is_one_page(start, size)) {
        hfence_vvma(FenceSite::lane_page_of_space, Gva{start}, asid);
        return true;
    }
    return false;
}

}  // namespace antler::hart
