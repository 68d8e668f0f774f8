// The ecall lane: the commonest SBI calls, answered before the guest's registers are saved.
//
// entry.S calls it with only t0-t3, ra, a0 and a1 free; the build reserves every other register, so that the
// guest's own values are still in them.  What it does not answer it leaves unchanged for sbi/.
#include "abi/sbi.hpp"
#include "abi/sbi_lane.hpp"
#include "hart/lane_caller.hpp"
#include "hart/lane_fence.hpp"

#if defined(__riscv)

namespace antler::hart {
namespace {

using namespace abi::sbi;

register u64 guest_a2 asm("a2");
register u64 guest_a3 asm("a3");
register u64 guest_a4 asm("a4");
register u64 guest_a6 asm("a6");
register u64 guest_a7 asm("a7");
register u64 answered asm("t0");

struct Answer {
    u64 a0;
    u64 a1;
};

[[gnu::always_inline]] inline Answer success(u64 value = 0) {
    answered = 1;
    return {0, value};
}

// hvip.VSSIP is what the guest sees as sip.SSIP.   [norm:hip_vssip_vssie_op]
inline constexpr u64 hvip_vssip = u64{1} << 2;

}  // namespace

extern "C" Answer antler_ecall_lane(u64 a0, u64 a1) {
    answered = 0;
    auto const extension = guest_a7;
    if (extension == static_cast<u64>(Eid::time)) {
        auto& registers = lane_caller();
        if (guest_a6 != 0 || !registers.owns_timer) return {a0, a1};
        asm volatile("csrw 0x24d, %0" ::"r"(a0) : "memory");  // vstimecmp
        return success();
    }
    if (extension == static_cast<u64>(Eid::ipi)) {
        auto& registers = lane_caller();
        if (guest_a6 != 0 || !targets_only(registers.guest_hart, registers.guest_harts, a0, a1))
            return {a0, a1};
        asm volatile("csrs 0x645, %0" ::"r"(hvip_vssip) : "memory");  // hvip
        return success();
    }
    if (extension == static_cast<u64>(Eid::rfence)) {
        auto& registers = lane_caller();
        if (!targets_only(registers.guest_hart, registers.guest_harts, a0, a1)) return {a0, a1};
        if (lane_fence(guest_a6, guest_a2, guest_a3, guest_a4)) return success();
        return {a0, a1};
    }
    if (extension == static_cast<u64>(Eid::base)) {
        auto const value = base_constant(guest_a6);
        if (value == 0) return {a0, a1};
        return success(value);
    }
    return {a0, a1};
}

}  // namespace antler::hart

#endif
