// The board's virtio entropy device behind virtio-mmio, asked once and let go.
#pragma once

#include <span>

#include "base/address.hpp"
#include "base/units.hpp"
#include "platform/virtio_transport.hpp"

namespace antler::platform {

// What it takes of memory: descriptors and the available ring on one page, the used ring on the next, where
// the old layout wants them too.   [virtio 2.7.2]
inline constexpr usize virtio_rng_workspace = 2 * page_bytes;

// How many bytes it gave, zero where the registers are not those of an entropy device or it does not answer
// in time. `workspace` is zeroed, page-aligned house memory.
[[nodiscard]] usize read_virtio_rng(Hpa registers, std::span<u8> workspace, std::span<u8> into,
                                    Ticks patience);

// The same for a device that was found behind PCI.
[[nodiscard]] usize read_virtio_rng(VirtioTransport& transport, std::span<u8> workspace, std::span<u8> into,
                                    Ticks patience);

}  // namespace antler::platform
