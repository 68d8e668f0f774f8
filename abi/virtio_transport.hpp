// What every virtio device and driver agree on: identifiers, status bits, features and the split rings.
#pragma once

#include "base/types.hpp"

namespace antler::abi::virtio {

// [virtio 5]
enum class DeviceId : u32 {
    none = 0,
    network = 1,
    block = 2,
    console = 3,
    entropy = 4,
    balloon = 5,
    socket = 19,
};

// [virtio 2.1]
namespace status {
inline constexpr u8 acknowledge = 1;
inline constexpr u8 driver = 2;
inline constexpr u8 driver_ok = 4;
inline constexpr u8 features_ok = 8;
inline constexpr u8 needs_reset = 64;
inline constexpr u8 failed = 128;
}  // namespace status

// Features that are not of one device type.   [virtio 6]
namespace feature {
inline constexpr u64 indirect_descriptors = u64{1} << 28;
inline constexpr u64 event_index = u64{1} << 29;
inline constexpr u64 version_1 = u64{1} << 32;
inline constexpr u64 access_platform = u64{1} << 33;
inline constexpr u64 ring_packed = u64{1} << 34;
}  // namespace feature

// Why a device interrupted.   [virtio 4.2.2]
namespace interrupt {
inline constexpr u32 used_buffer = 1;
inline constexpr u32 configuration = 2;
}  // namespace interrupt

// The split virtqueue.   [virtio 2.7.5]
struct Descriptor {
    u64 address;
    u32 bytes;
    u16 flags;
    u16 next;
};
namespace descriptor {
inline constexpr u16 next = 1;
inline constexpr u16 device_writes = 2;
inline constexpr u16 indirect = 4;
}  // namespace descriptor

// [virtio 2.7.8]
struct UsedElement {
    u32 id;
    u32 bytes;
};

// Flags of the two rings where event_index was not agreed.   [virtio 2.7.6, 2.7.8]
inline constexpr u16 available_no_interrupt = 1;
inline constexpr u16 used_no_notify = 1;

// True when an index that went from `before` to `now` has passed `event`.   [virtio 2.7.7.1]
[[nodiscard]] constexpr bool passed(u16 event, u16 now, u16 before) {
    return static_cast<u16>(now - event - 1) < static_cast<u16>(now - before);
}

static_assert(sizeof(Descriptor) == 16 && sizeof(UsedElement) == 8);
static_assert(passed(4, 5, 4) && !passed(5, 5, 4) && !passed(3, 5, 4));

}  // namespace antler::abi::virtio
