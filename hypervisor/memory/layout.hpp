// Where the hypervisor's own address space has what: house pages below, windows above.
#pragma once

#include "base/units.hpp"
#include "memory/physical.hpp"

namespace antler::memory {

// The lower half of Sv39 maps the house where it is.
inline constexpr u64 house_limit = u64{1} << 38;

// The upper half shows guests.  An entry of the root shows a GiB.
inline constexpr Hva vm_window{0xffff'ffc0'0000'0000};
inline constexpr u64 vm_window_gigabytes = 255;
inline constexpr unsigned vm_window_first_entry = 256;

// The last GiB: two slots of 2 MiB, the first for a whole granule, the second for single pages.
inline constexpr Hva copy_window{0xffff'ffff'c000'0000};
inline constexpr unsigned copy_window_entry = 511;

// Where guest memory is seen while a hart serves the guest; nothing beyond the window.
[[nodiscard]] constexpr Hva in_vm_window(Gpa at) {
    return Hva{vm_window.raw() + at.raw()};
}
[[nodiscard]] constexpr bool is_in_vm_window(GpaRange range) {
    return GpaRange{Gpa{}, vm_window_gigabytes << 30}.contains(range.start, range.size);
}

static_assert(in_vm_window(Gpa{vm_window_gigabytes << 30}) == copy_window);

}  // namespace antler::memory
