// A VM's network card: the virtio model, and the port of a switch that it is plugged into.
#pragma once

#include <optional>

#include "backend/segments.hpp"
#include "backend/switch.hpp"
#include "device/virtio/net.hpp"
#include "vm/machine.hpp"
#include "vm/ram.hpp"
#include "vm/virtio_front.hpp"
#include "vm/virtio_slot.hpp"

namespace antler::vm {

// Between the card and its port: headers are translated, and what the driver does not take is finished here.
class NetWire final : public backend::Receiver {
public:
    explicit NetWire(Vm& vm) : vm_{vm} {}

    // Once, before the VM starts.
    [[nodiscard]] Result<void> plug_in(backend::Switch& where, backend::PortOptions const& options,
                                       memory::OwnerId owner);
    // Again until true; nothing comes or goes any more.
    [[nodiscard]] bool unplug();
    [[nodiscard]] backend::Port* port() const { return port_; }
    // As the operator wants it.
    void set_cable(bool plugged);

    void packets_wait() override;

    // device::virtio::NetWire
    void open(u64 features);
    void close();
    void call_again();
    [[nodiscard, gnu::always_inline]] u32 send(device::virtio::NetFrame const& frame);
    void sent() { wakes_.tell(); }
    [[nodiscard]] std::span<u8> simple();
    void take_simple(std::span<u8> packet) { port_->queue().pop_simple(packet); }
    [[nodiscard]] bool next();
    [[nodiscard]] u32 length() const { return segment_ ? segment_->length() : slot_->length(); }
    [[nodiscard]] device::virtio::NetHeader header() const;
    void set_header(device::virtio::NetHeader const& header);
    [[nodiscard]] std::span<u8 const> piece(u32 at) const;
    [[nodiscard]] std::span<u8 const> whole() const;
    void take(bool arrived);
    [[nodiscard]] bool sleep();
    [[nodiscard]] bool has_link() const { return cable_; }

private:
    [[gnu::noinline]] u32 send_any(device::virtio::NetFrame const& frame);
    [[nodiscard]] u8* headroom() const;

    Vm& vm_;
    backend::Port* port_ = nullptr;
    bool cable_ = true;
    bool open_ = false;
    backend::Abilities takes_{};
    backend::Wakes wakes_{};
    std::optional<backend::PacketQueue::Slot> slot_{};  // the packet that is being taken
    std::optional<backend::Segmenter> segmenter_{};     // which the driver wants in frames
    std::optional<backend::Segmenter::Piece> segment_{};
};

class NetCard final : public VirtioSlot {
public:
    NetCard(Vm& vm, SlotWire const& wire, device::virtio::NetOptions const& options);

    [[nodiscard]] VirtioFront& registers() override { return registers_; }
    [[nodiscard]] device::virtio::Model& model() override { return model_; }
    void reset() override { registers_.power_on(); }

    [[nodiscard]] bool leave() override { return wire_.unplug(); }
    void counters(device::CounterVisitor& each) const override;
    [[nodiscard]] NetCard* net_card() override { return this; }

    [[nodiscard]] NetWire& wire() { return wire_; }
    // With the device lock held.
    void set_cable(bool plugged);

private:
    NetWire wire_;
    device::virtio::Net<Ram, NetWire> model_;
    VirtioFront registers_;
};

}  // namespace antler::vm
