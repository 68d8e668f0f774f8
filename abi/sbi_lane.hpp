// Answers that the ecall lane and the table of services share, so that both say the same.
#pragma once

#include "abi/sbi.hpp"
#include "base/types.hpp"

namespace antler::abi::sbi {

// Does (mask, base) name this hart and no other of its `harts`?   [sbi binary-encoding]
[[nodiscard]] constexpr bool targets_only(u32 self, u32 harts, u64 mask, u64 base) {
    if (base == all_harts) return harts == 1;
    return base <= self && mask == u64{1} << (self - base);  // a VM has at most 64 harts
}
static_assert(targets_only(2, 4, 0b100, 0) && targets_only(2, 4, 1, 2) && !targets_only(2, 4, 0b110, 0));
static_assert(!targets_only(0, 1, u64{1} << 42, u64{0} - 42));  // hart ids do not wrap
static_assert(targets_only(0, 1, 0, all_harts) && !targets_only(0, 2, 0, all_harts) &&
              !targets_only(0, 2, 0, 0));

// A fence of at most one page that does not cross into a second.
[[nodiscard]] constexpr bool is_one_page(u64 start, u64 size) {
    return size != 0 && size <= 4096 && (start & 4095) + size <= 4096;
}

// What the base extension answers without looking at anything; zero: not such a function.   [sbi ext-base]
[[nodiscard]] constexpr u64 base_constant(u64 function) {
    if (function == static_cast<u64>(BaseFid::get_spec_version)) return offered_version.raw();
    if (function == static_cast<u64>(BaseFid::get_impl_id)) return implementation_id;
    if (function == static_cast<u64>(BaseFid::get_impl_version)) return implementation_version;
    return 0;
}

}  // namespace antler::abi::sbi
