// How memory is seen: what this layer asks of the machine under it, answered by boot/ there and by
// tests/fake/.
#pragma once

#include "base/address.hpp"
#include "base/fence_site.hpp"
#include "base/types.hpp"

namespace antler::memory {

using Hva = Address<struct HostVirtual>;  // what the hypervisor's own instructions use
using HvaRange = Range<Hva>;

#if defined(__riscv)

// House pages are mapped where they are, so that turning translation on changes no pointer.
[[nodiscard]] inline void* house_view(Hpa at) {
    return reinterpret_cast<void*>(static_cast<usize>(at.raw()));
}
[[nodiscard]] inline Hpa house_address(void const* at) {
    return Hpa{reinterpret_cast<usize>(at)};
}
// An address inside a window, while the window shows something.
[[nodiscard]] inline void* window_view(Hva at) {
    return reinterpret_cast<void*>(static_cast<usize>(at.raw()));
}

#else

[[nodiscard]] void* house_view(Hpa at);
[[nodiscard]] Hpa house_address(void const* at);
[[nodiscard]] void* window_view(Hva at);

#endif

// Both are multiples of 4 KiB.  The machine has an instruction for it where it has Zicboz.
void zero_block(void* at, u64 bytes);
// The same from the front on, with a look after each `step` bytes whether somebody wants this hart: returns
// how far it came, which is all of it where nobody does.
[[nodiscard]] u64 zero_until_asked(void* at, u64 bytes, u64 step);

// This hart's own translations: of the page at an address, or all that are not global (windows never are).
void fence_house_page(Hva at);
void fence_house_windows();
inline void fence_house_page(FenceSite site, Hva at) {
    if (fence_stands(site)) fence_house_page(at);
}
inline void fence_house_windows(FenceSite site) {
    if (fence_stands(site)) fence_house_windows();
}

// Drops a range from the house translations of every hart that runs, this one included, and returns when no
// hart can use them any more.  The caller holds no lock.
void flush_house(HvaRange range);
inline void flush_house(FenceSite site, HvaRange range) {
    if (fence_stands(site)) flush_house(range);
}

}  // namespace antler::memory
