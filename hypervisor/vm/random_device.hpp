// A VM's entropy device, fed by the board's pool.
#pragma once

#include "device/virtio/rng.hpp"
#include "vm/machine.hpp"
#include "vm/ram.hpp"
#include "vm/virtio_front.hpp"
#include "vm/virtio_slot.hpp"

namespace antler::vm {

struct RandomWire {
    Vm* vm;
    [[nodiscard]] bool draw(std::span<u8> into) const { return random_bytes(into); }
    void call_again() const;
};

class RandomDevice final : public VirtioSlot {
public:
    RandomDevice(Vm& vm, SlotWire const& wire);

    [[nodiscard]] VirtioFront& registers() override { return registers_; }
    [[nodiscard]] device::virtio::Model& model() override { return model_; }
    void reset() override { registers_.power_on(); }
    void counters(device::CounterVisitor& each) const override { model_.counters(each); }

private:
    RandomWire wire_;
    device::virtio::Rng<Ram, RandomWire> model_;
    VirtioFront registers_;
};

}  // namespace antler::vm
