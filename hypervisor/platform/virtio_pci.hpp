// A virtio device behind PCI, with the structures of version 1 and an INTx pin.
#pragma once

#include "memory/house.hpp"
#include "platform/pci.hpp"
#include "platform/virtio_transport.hpp"

namespace antler::platform {

class VirtioPci final : public VirtioTransport {
public:
    // None where the function is no virtio device, or one without the structures of version 1.
    [[nodiscard]] static std::optional<VirtioPci> find(PciBridge& bridge, PciFunction const& function,
                                                       memory::House& house, Board const& board);

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
    VirtioPci() = default;

    static constexpr u16 most_queues = 16;

    abi::virtio::DeviceId device_{};
    std::optional<BoardWire> wire_{};
    HpaRange common_{};
    HpaRange notify_{};
    HpaRange interrupt_{};
    HpaRange configuration_{};
    u32 notify_multiplier_ = 0;
    // Where each queue is notified, from the start of notify_.
    std::array<u32, most_queues> notify_offset_{};
};

}  // namespace antler::platform
