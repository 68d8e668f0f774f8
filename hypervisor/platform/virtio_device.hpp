// A virtio device of the board in its driver's hands: agreeing on features, its queues, its configuration.
#pragma once

#include <span>

#include "base/result.hpp"
#include "platform/driver_queue.hpp"
#include "platform/virtio_transport.hpp"

namespace antler::platform {

// The order of a driver's start: negotiate, open_queue for each queue, start.   [virtio 3.1.1]
class VirtioDevice {
public:
    explicit VirtioDevice(VirtioTransport& transport) : transport_{&transport} {}

    [[nodiscard]] VirtioTransport& transport() const { return *transport_; }

    // Resets the device and agrees on what both have; VERSION_1 and EVENT_IDX are asked for always, and a
    // device without the first is refused.  The answer is what was agreed.
    [[nodiscard]] Result<u64> negotiate(u64 wanted);
    [[nodiscard]] bool has(u64 feature) const { return (features_ & feature) != 0; }

    // How many entries open_queue() would use; zero: the device has no such queue.
    [[nodiscard]] u16 queue_entries(u16 index, u16 most);
    // `memory` is page-aligned zeroed house memory of DriverQueue::memory_bytes(entries) bytes.
    [[nodiscard]] Result<void> open_queue(u16 index, DriverQueue& queue, std::span<u8> memory, u16 entries);
    void start();
    // It forgets every buffer it had: no DMA is under way afterwards.
    void reset();
    // The device says it is broken.
    [[nodiscard]] bool needs_reset() const {
        return (transport_->status() & abi::virtio::status::needs_reset) != 0;
    }

    // A value of the device's configuration that is whole, though the device may change it meanwhile.
    [[nodiscard]] u8 config8(u32 offset) const { return static_cast<u8>(transport_->config(offset, 1)); }
    [[nodiscard]] u16 config16(u32 offset) const { return static_cast<u16>(transport_->config(offset, 2)); }
    [[nodiscard]] u32 config32(u32 offset) const { return transport_->config(offset, 4); }
    [[nodiscard]] u64 config64(u32 offset) const;

private:
    VirtioTransport* transport_;
    u64 features_ = 0;
};

}  // namespace antler::platform
