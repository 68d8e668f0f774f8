// Register accesses of the PLIC.
#include "platform/host_plic.hpp"

#include "platform/mmio.hpp"

namespace antler::platform {
namespace {

constexpr u64 priorities = 0;
constexpr u64 enables = 0x2000;
constexpr u64 enable_stride = 0x80;
constexpr u64 contexts = 0x20'0000;
constexpr u64 context_stride = 0x1000;
constexpr u64 threshold = 0;
constexpr u64 claim_complete = 4;

}  // namespace

void HostPlic::enable(u32 source) {
    if (source >= sources) return;
    enabled_[source / 32] |= u32{1} << source % 32;
    mmio_write<u32>(base_ + priorities + 4 * u64{source}, 1);
    enable_again();
}

void HostPlic::enable_again() {
    for (u32 word = 0; word < enabled_.size(); ++word)
        if (enabled_[word] != 0)
            mmio_write<u32>(base_ + enables + enable_stride * context_ + word * 4, enabled_[word]);
    mmio_write<u32>(base_ + contexts + context_stride * context_ + threshold, 0);
}

u32 HostPlic::claim() {
    return mmio_read<u32>(base_ + contexts + context_stride * context_ + claim_complete);
}

void HostPlic::complete(u32 source) {
    mmio_write<u32>(base_ + contexts + context_stride * context_ + claim_complete, source);
}

}  // namespace antler::platform
