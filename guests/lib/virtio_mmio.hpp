// What every driver of a virtio device does to its registers.
#pragma once

#include <optional>

#include "abi/virtio_transport.hpp"
#include "guests/lib/device_tree.hpp"
#include "guests/lib/guest.hpp"

namespace antler::guests {

// Registers of the mmio transport.   [virtio 4.2.2]
namespace mmio {
inline constexpr u32 device = 0x008, host_features = 0x010, host_select = 0x014, features = 0x020,
                     select = 0x024, queue = 0x030, queue_most = 0x034, queue_size = 0x038,
                     queue_ready = 0x044, notify = 0x050, interrupt = 0x060, acknowledge = 0x064,
                     status = 0x070, table = 0x080, available = 0x090, used = 0x0a0, config = 0x100;
}

struct VirtioDevice {
    u64 base = 0;
    u32 source = 0;
};

// The one in this place among those of its kind, by address.
[[nodiscard]] inline std::optional<VirtioDevice> find_virtio(abi::virtio::DeviceId id, u32 index = 0) {
    auto const tree = device_tree();
    // Trees list slots from either end.
    for (u64 from = 0;;) {
        VirtioDevice next{};
        abi::FdtWalk walk{tree};
        while (walk.next()) {
            if (!walk.node().compatible("virtio,mmio")) continue;
            auto const registers = walk.reg();
            auto const interrupts = walk.node().property("interrupts");
            if (!registers || !interrupts || registers->address < from) continue;
            if (next.base == 0 || registers->address < next.base)
                next = {registers->address, interrupts->cell(0).value_or(0)};
        }
        if (next.base == 0) return std::nullopt;
        from = next.base + 1;
        if (load<u32>(next.base + mmio::device) == static_cast<u32>(id) && index-- == 0) return next;
    }
}

// Both halves of the features that the driver wants.
inline void choose_features(u64 base, u64 features) {
    namespace status = abi::virtio::status;
    store<u32>(base + mmio::select, 0);
    store<u32>(base + mmio::features, static_cast<u32>(features));
    store<u32>(base + mmio::select, 1);
    store<u32>(base + mmio::features, static_cast<u32>(features >> 32));
    store<u32>(base + mmio::status, status::acknowledge | status::driver | status::features_ok);
}

// Tells the device where the rings of a queue are.
inline void open_queue(u64 base, u32 number, u16 entries, u64 table, u64 available, u64 used) {
    auto const set = [&](u32 at, u32 value) { store<u32>(base + at, value); };
    auto const set_address = [&](u32 at, u64 address) {
        set(at, static_cast<u32>(address));
        set(at + 4, static_cast<u32>(address >> 32));
    };
    set(mmio::queue, number);
    if (load<u32>(base + mmio::queue_most) < entries) give_up("a device's queue is short");
    set(mmio::queue_size, entries);
    set_address(mmio::table, table);
    set_address(mmio::available, available);
    set_address(mmio::used, used);
    set(mmio::queue_ready, 1);
}

}  // namespace antler::guests
