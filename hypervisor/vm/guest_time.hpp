// Guest time as host time.
#pragma once

#include "abi/sbi.hpp"
#include "base/types.hpp"

namespace antler::vm {

// "Never" stays so, and so does what no host clock will reach.  A guest that was restored may be ahead of
// this host, so only the distance from now counts.   [norm:htimedelta_sz_acc_op]
[[nodiscard]] constexpr u64 in_host_time(u64 guest_time, u64 delta, u64 now) {
    if (guest_time == abi::sbi::never) return guest_time;
    auto const guest_now = now + delta;
    if (guest_time > guest_now) {
        auto const host = now + (guest_time - guest_now);
        return host < now ? abi::sbi::never : host;
    }
    auto const past = guest_now - guest_time;
    return past < now ? now - past : 0;
}

}  // namespace antler::vm
