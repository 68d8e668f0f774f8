// A kind of virtio device behind its transport: features, configuration, queues.
#pragma once

#include <span>
#include <string_view>

#include "device/device.hpp"
#include "device/virtio/ring.hpp"

namespace antler::device::virtio {

// What a model says to its driver, whatever the transport is.
class Transport {
public:
    // A buffer of that queue was used, or the configuration has changed; the driver is interrupted.
    virtual void queue_interrupt(u32 queue) = 0;
    virtual void config_interrupt() = 0;
    // The driver broke a rule: nothing goes on until it resets the device.   [virtio 2.1.2]
    virtual void needs_reset() = 0;

protected:
    ~Transport() = default;
};

class Model {
public:
    [[nodiscard]] virtual std::string_view name() const = 0;
    [[nodiscard]] virtual u32 device_id() const = 0;  // [virtio 5]
    // Besides those of the transport and the rings.
    [[nodiscard]] virtual u64 features() const = 0;
    [[nodiscard]] virtual u32 queue_count() const = 0;
    [[nodiscard]] virtual u16 queue_size(u32 queue) const = 0;  // at most

    // Of the configuration space; beyond its end reads are zero and writes are lost.
    [[nodiscard]] virtual u64 read_config(Offset, Width) = 0;
    virtual void write_config(Offset, Width, u64) = 0;

    // DRIVER_OK: the queues are where `places` says; a size of zero: the driver does not use that one.
    virtual void start(Transport& transport, u64 features, std::span<RingPlace const> places) = 0;
    // Reset.
    virtual void stop() = 0;
    // The driver has something in that queue.
    virtual void notify(u32 queue) = 0;
    // What could not be done at once, or came from outside; true: there is more.
    [[nodiscard]] virtual bool work() = 0;

protected:
    ~Model() = default;
};

// Reads from a configuration structure that lies in memory.
[[nodiscard]] inline u64 read_structure(std::span<u8 const> bytes, Offset offset, Width width) {
    u64 value = 0;
    for (u32 i = 0; i < static_cast<u32>(width); ++i)
        if (u64{offset} + i < bytes.size()) value |= u64{bytes[offset + i]} << (8 * i);
    return value;
}

}  // namespace antler::device::virtio
