// Packets and events of a virtio socket device, as its driver, its device and our small guests know them.
#pragma once

#include "base/types.hpp"

namespace antler::abi::virtio::vsock {

// Queues.   [virtio 5.10.2]
inline constexpr u32 receive_queue = 0;   // to the driver
inline constexpr u32 transmit_queue = 1;  // from the driver
inline constexpr u32 event_queue = 2;

// [virtio 5.10.3]
inline constexpr u64 feature_stream = u64{1} << 0, feature_no_implied_stream = u64{1} << 2;

inline constexpr u32 host_cid = 2;  // [virtio 5.10.4]

inline constexpr u16 type_stream = 1;

enum class Operation : u16 {
    invalid,
    request,
    response,
    reset,
    shutdown,
    data,
    credit_update,
    credit_request,
};

// Flags of a shutdown: what its sender will not do any more.   [virtio 5.10.6.5]
inline constexpr u32 no_more_receiving = 1, no_more_sending = 2;

// The upper halves of addresses are zero.   [virtio 5.10.6]
struct Header {
    u32 source_cid{}, source_cid_high{};
    u32 destination_cid{}, destination_cid_high{};
    u32 source_port{}, destination_port{};
    u32 length{};  // of the data behind it
    u16 type{};
    Operation operation{};
    u32 flags{};
    u32 buffer_bytes{};  // of its sender, for this stream
    u32 forwarded{};     // bytes that have left that buffer, ever
};
static_assert(sizeof(Header) == 44 && alignof(Header) == 4);

inline constexpr u32 event_transport_reset = 0;  // [virtio 5.10.6.7]

}  // namespace antler::abi::virtio::vsock
