// A virtio device behind virtio-mmio, with the registers of version 2.
#pragma once

#include "platform/board.hpp"
#include "platform/virtio_transport.hpp"

namespace antler::platform {

class VirtioMmio final : public VirtioTransport {
public:
    // None where there is no device behind the slot, or one with the old registers.
    [[nodiscard]] static std::optional<VirtioMmio> find(Hpa registers, std::optional<BoardWire> wire);

    [[nodiscard]] abi::virtio::DeviceId device() const override { return device_; }
    [[nodiscard]] std::optional<BoardWire> wire() const override { return wire_; }
    [[nodiscard]] u8 status() override;
    void set_status(u8 status) override;
    [[nodiscard]] u64 device_features() override;
    void set_driver_features(u64 features) override;
    [[nodiscard]] u16 queue_most(u16 queue) override;
    void enable_queue(u16 queue, QueuePlace const& place) override;
    void notify(u16 queue) override;
    [[nodiscard]] u32 acknowledge_interrupt() override;
    [[nodiscard]] u32 config(u32 offset, u32 width) override;
    void set_config(u32 offset, u32 width, u32 value) override;
    [[nodiscard]] u32 config_generation() override;

private:
    VirtioMmio(Hpa base, abi::virtio::DeviceId device, std::optional<BoardWire> wire)
        : base_{base}, device_{device}, wire_{wire} {}

    Hpa base_;
    abi::virtio::DeviceId device_;
    std::optional<BoardWire> wire_;
};

}  // namespace antler::platform
