// The switches of the machine: made when the first port wants one.
#include "boot/networks.hpp"

#include <algorithm>
#include <new>

#include "boot/drivers.hpp"
#include "boot/system.hpp"
#include "platform/virtio_net.hpp"

namespace antler::boot {
namespace {

// By its name: VMs that are made later, by another pack, find those that are there.
[[nodiscard]] Result<backend::Switch*> switch_of(System& all, std::string_view name) {
    for (auto& one : all.networks.switches) {
        if (one.where != nullptr && name == one.name.data()) return one.where;
        if (one.where != nullptr) continue;
        if (name.size() >= one.name.size()) return Err{Error::bad_format};
        auto const place = TRY(driver_memory(all, sizeof(backend::Switch)));
        std::copy(name.begin(), name.end(), one.name.begin());
        // A unit of a switch's table of addresses is a second.
        one.where = new (place.data()) backend::Switch{all.frames, all.board.timebase.hertz};
        return one.where;
    }
    return Err{Error::full};
}

// Room for what waits for a VM: it grows with its memory, so that a small VM stays small.
[[nodiscard]] u32 queue_pages(u64 memory_bytes) {
    u32 pages = 8;
    while (pages < backend::PacketQueue::most_pages && u64{pages} * 2 * page_bytes * 512 <= memory_bytes)
        pages *= 2;
    return pages;
}

}  // namespace

Result<void> add_net_cards(System& all, vm::Vm& machine, memory::Store& store) {
    auto const& description = machine.description();
    for (usize i = 0; i < description.net_count; ++i) {
        auto const& net = description.nets[i];
        auto* const where = TRY(switch_of(all, net.switch_name));
        auto const pages = queue_pages(description.memory_bytes);
        // A packet of many segments would not fit into a small VM's queue.
        constexpr u32 pages_of_large_packets = 32;
        auto const place = TRY(store.take(sizeof(vm::NetCard), alignof(vm::NetCard)));
        auto& card = *new (place.data()) vm::NetCard(
            machine, TRY(machine.machine().next_wire(store, net.bus)),
            device::virtio::NetOptions{.mac = net.mac,
                                       .offloads = net.offload && pages >= pages_of_large_packets});
        TRY(machine.machine().add(card));
        TRY(card.wire().plug_in(*where,
                                {.mac = backend::Mac::of(net.mac),
                                 .vlan = net.vlan,
                                 .isolated = net.isolated,
                                 .guarded = net.guarded,
                                 .queue_pages = pages},
                                store.owner()));
    }
    return {};
}

namespace {

Result<void> open_uplink(System& all, std::string_view name) {
    platform::VirtioTransport* found = nullptr;
    u32 n = 0;
    all.virtio.for_each(abi::virtio::DeviceId::network, [&](platform::VirtioTransport& transport) {
        if (n++ == all.networks.uplinks) found = &transport;
    });
    if (found == nullptr) return Err{Error::not_found};
    ++all.networks.uplinks;
    auto* const where = TRY(switch_of(all, name));
    auto const memory = TRY(driver_memory(all, platform::VirtioNet::memory_bytes()));
    auto const place = TRY(driver_memory(all, sizeof(platform::VirtioNet)));
    auto& card = *new (place.data()) platform::VirtioNet{*found, memory};
    TRY(card.open(*where));
    TRY(listen_to(all, found->wire(), card));
    return {};
}

}  // namespace

void open_uplinks(System& all, control::Pack const& pack) {
    for (u32 index = 0; index < pack.switch_count(); ++index) {
        auto const one = pack.describe_switch(index);
        if (!one || !one.value().uplink) continue;
        auto const opened = open_uplink(all, one.value().name);
        if (opened) continue;
        if (opened.error() == Error::not_found)
            say("antler: switch {}: the board has no network card for it\n", one.value().name);
        else
            say("antler: switch {}: its network card does not start: {}\n", one.value().name,
                describe(opened.error()));
    }
}

}  // namespace antler::boot
