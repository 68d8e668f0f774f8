// The registers of one virtio device, whichever bus it sits behind.
#pragma once

#include <optional>

#include "abi/virtio_transport.hpp"
#include "base/address.hpp"
#include "base/types.hpp"
#include "platform/board.hpp"

namespace antler::platform {

// Where the three parts of a split virtqueue lie.
struct QueuePlace {
    Hpa descriptors{};
    Hpa available{};
    Hpa used{};
    u16 entries = 0;
};

class VirtioTransport {
public:
    [[nodiscard]] virtual abi::virtio::DeviceId device() const = 0;
    // None where it has no wire to the board's controller.  Several devices may share one.
    [[nodiscard]] virtual std::optional<BoardWire> wire() const = 0;

    [[nodiscard]] virtual u8 status() = 0;
    virtual void set_status(u8 status) = 0;  // zero resets
    [[nodiscard]] virtual u64 device_features() = 0;
    virtual void set_driver_features(u64 features) = 0;

    // The most entries the device takes; zero: no such queue.
    [[nodiscard]] virtual u16 queue_most(u16 queue) = 0;
    virtual void enable_queue(u16 queue, QueuePlace const& place) = 0;
    virtual void notify(u16 queue) = 0;

    // Why it interrupted (bits of abi::virtio::interrupt), and lowers its line.
    [[nodiscard]] virtual u32 acknowledge_interrupt() = 0;

    // Of the device's own configuration; `width` is 1, 2 or 4 and `offset` a multiple of it.
    [[nodiscard]] virtual u32 config(u32 offset, u32 width) = 0;
    virtual void set_config(u32 offset, u32 width, u32 value) = 0;
    [[nodiscard]] virtual u32 config_generation() = 0;

protected:
    ~VirtioTransport() = default;
};

}  // namespace antler::platform
