// The small virtio devices of VMs, made in memory that is charged to them.
#include "boot/extras.hpp"

#include <new>

#include "hart/fence.hpp"
#include "vm/balloon_device.hpp"
#include "vm/console_device.hpp"
#include "vm/random_device.hpp"
#include "vm/vsock_device.hpp"

namespace antler::boot {
namespace {

template <class D, class... Options>
[[nodiscard]] Result<D*> add(vm::Vm& machine, memory::Store& store, Options const&... options) {
    auto& slots = machine.machine();
    auto const wire = TRY(slots.next_wire(store, machine.description().bus));
    auto const place = TRY(store.take(sizeof(D), alignof(D)));
    auto* const made = new (place.data()) D(machine, wire, options...);
    TRY(slots.add(*made));
    return made;
}

}  // namespace

Result<void> add_extras(vm::Vm& machine, memory::Store& store) {
    auto const& extras = machine.description().extras;
    u8 probe = 0;
    // No device at all rather than one that never answers.
    if (extras.rng && vm::random_bytes({&probe, 1})) TRY(add<vm::RandomDevice>(machine, store));
    if (extras.console_ports != 0)
        TRY(add<vm::ConsoleDevice>(machine, store,
                                   device::virtio::ConsoleOptions{.ports = extras.console_ports}));
    if (extras.balloon) TRY(add<vm::BalloonDevice>(machine, store, extras.free_page_reporting));
    if (extras.vsock_cid != 0) {
        auto const buffers = TRY(store.take(vm::VsockDevice::Model::memory_bytes));
        // Numbers of streams go on from one life of a VM to the next.
        device::virtio::VsockOptions const options{.cid = static_cast<u32>(extras.vsock_cid),
                                                   .first_stream = hart::time() | 1};
        TRY(add<vm::VsockDevice>(machine, store, options, buffers));
    }
    return {};
}

}  // namespace antler::boot
