// A virtio device of a VM: its registers at a place of the board's map, and the model behind them.
#pragma once

#include "device/counters.hpp"
#include "device/virtio/host_streams.hpp"
#include "device/virtio/model.hpp"

namespace antler::vm {

class NetCard;
class VirtioFront;

// The first eight lie where QEMU's virt board has them; more follow behind.
struct SlotPlace {
    GpaRange registers{};
    u32 source = 0;
};
inline constexpr u32 max_slots = 20;
[[nodiscard]] constexpr SlotPlace slot_place(u32 slot) {
    return {{Gpa{0x1000'1000 + u64{slot} * 0x1000}, 0x1000}, slot < 8 ? 1 + slot : 36 + (slot - 8)};
}

// Only the holder of the VM's device lock calls it, but for prepare().
class VirtioSlot {
public:
    [[nodiscard]] virtual VirtioFront& registers() = 0;
    [[nodiscard]] virtual device::virtio::Model& model() = 0;
    // As after power-on.
    virtual void reset() = 0;
    // The VM is over: nothing outside knows the device any more, and no transfer of its is under way.  False:
    // not yet, ask again.
    [[nodiscard]] virtual bool leave() { return true; }
    // What it has done so far.
    virtual void counters(device::CounterVisitor&) const {}
    // Before its model works, while no lock is held: what the house must do for it.
    virtual void prepare() {}
    // How many pages of 4 KiB the guest should do without; only a balloon listens.
    virtual void set_balloon(u32) {}
    // The terminal behind one of its ports has another size; only a console cares.
    virtual void console_resized(u32) {}
    // Where it is a network card.
    [[nodiscard]] virtual NetCard* net_card() { return nullptr; }
    // The host's end of its streams; only a socket device has some.
    [[nodiscard]] virtual device::virtio::HostStreams* streams() { return nullptr; }

protected:
    ~VirtioSlot() = default;
};

}  // namespace antler::vm
