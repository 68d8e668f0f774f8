// Structures of virtio over PCI.   [virtio 4.1.4]
#include "platform/virtio_pci.hpp"

#include "hart/fence.hpp"
#include "platform/mmio.hpp"

namespace antler::platform {
namespace {

constexpr u16 virtio_vendor = 0x1af4;
constexpr u16 first_id = 0x1000;         // of transitional devices, whose type the subsystem says
constexpr u16 first_modern_id = 0x1040;  // of the others: the type is what is above
constexpr u16 last_id = 0x107f;

constexpr u32 capabilities = 0x34;
constexpr u16 status_capabilities = 1u << 4;
constexpr u8 vendor_capability = 0x09;

enum class Structure : u8 { common = 1, notify = 2, interrupt = 3, device = 4 };

// The common configuration.   [virtio 4.1.4.3]
enum Register : u32 {
    device_feature_select = 0x00,
    device_feature = 0x04,
    driver_feature_select = 0x08,
    driver_feature = 0x0c,
    msix_config = 0x10,
    device_status = 0x14,
    config_generation_register = 0x15,
    queue_select = 0x16,
    queue_size = 0x18,
    queue_msix_vector = 0x1a,
    queue_enable = 0x1c,
    queue_notify_off = 0x1e,
    queue_descriptors = 0x20,
    queue_driver = 0x28,
    queue_device = 0x30,
    common_bytes = 0x38,
};

constexpr u16 no_vector = 0xffff;

void write_address(Hpa at, Hpa value) {
    mmio_write<u32>(at, static_cast<u32>(value.raw()));
    mmio_write<u32>(at + 4, static_cast<u32>(value.raw() >> 32));
}

}  // namespace

std::optional<VirtioPci> VirtioPci::find(PciBridge& bridge, PciFunction const& function, memory::House& house,
                                         Board const& board) {
    auto const id = function.id();
    if (function.vendor() != virtio_vendor || id < first_id || id > last_id) return std::nullopt;
    if ((function.read16(0x06) & status_capabilities) == 0) return std::nullopt;
    bridge.enable(function);

    VirtioPci found;
    found.device_ = static_cast<abi::virtio::DeviceId>(id >= first_modern_id ? id - first_modern_id
                                                                             : function.subsystem());
    found.wire_ = board.wire(bridge.interrupt(function));
    // A list that goes round in circles ends: there is room for 48.
    u32 at = function.read8(capabilities) & 0xfcu;
    for (int left = 48; at != 0 && left > 0; --left, at = function.read8(at + 1) & 0xfcu) {
        if (function.read8(at) != vendor_capability) continue;
        auto const bar = bridge.bar(function, function.read8(at + 4));
        u64 const offset = function.read(at + 8);
        u64 const bytes = function.read(at + 12);
        if (!bar || offset > bar->size || bytes > bar->size - offset) continue;
        HpaRange const place{bar->start + offset, bytes};
        // The first of a kind is the one the device prefers.   [virtio 4.1.4.1]
        auto const use = [&](HpaRange& range) {
            if (range.size == 0) range = place;
        };
        switch (static_cast<Structure>(function.read8(at + 3))) {
            case Structure::common: use(found.common_); break;
            case Structure::notify:
                if (found.notify_.size == 0) found.notify_multiplier_ = function.read(at + 16);
                use(found.notify_);
                break;
            case Structure::interrupt: use(found.interrupt_); break;
            case Structure::device: use(found.configuration_); break;
        }
    }
    if (found.common_.size < common_bytes || found.notify_.size < 2 || found.interrupt_.size < 1)
        return std::nullopt;
    for (auto const& range : {found.common_, found.notify_, found.interrupt_, found.configuration_})
        if (range.size != 0 && !house.map_device(range)) return std::nullopt;
    return found;
}

u8 VirtioPci::status() {
    return mmio_read<u8>(common_.start + device_status);
}
void VirtioPci::set_status(u8 status) {
    hart::fence_io();
    mmio_write<u8>(common_.start + device_status, status);
}

u64 VirtioPci::device_features() {
    mmio_write<u32>(common_.start + device_feature_select, 0);
    auto const low = mmio_read<u32>(common_.start + device_feature);
    mmio_write<u32>(common_.start + device_feature_select, 1);
    return u64{mmio_read<u32>(common_.start + device_feature)} << 32 | low;
}
void VirtioPci::set_driver_features(u64 features) {
    mmio_write<u32>(common_.start + driver_feature_select, 0);
    mmio_write<u32>(common_.start + driver_feature, static_cast<u32>(features));
    mmio_write<u32>(common_.start + driver_feature_select, 1);
    mmio_write<u32>(common_.start + driver_feature, static_cast<u32>(features >> 32));
}

u16 VirtioPci::queue_most(u16 queue) {
    if (queue >= most_queues) return 0;
    mmio_write<u16>(common_.start + queue_select, queue);
    return mmio_read<u16>(common_.start + queue_size);
}
void VirtioPci::enable_queue(u16 queue, QueuePlace const& place) {
    auto const base = common_.start;
    mmio_write<u16>(base + msix_config, no_vector);
    mmio_write<u16>(base + queue_select, queue);
    mmio_write<u16>(base + queue_size, place.entries);
    mmio_write<u16>(base + queue_msix_vector, no_vector);
    write_address(base + queue_descriptors, place.descriptors);
    write_address(base + queue_driver, place.available);
    write_address(base + queue_device, place.used);
    auto const offset = u64{mmio_read<u16>(base + queue_notify_off)} * notify_multiplier_;
    // What lies outside is not written to; the queue then only moves when it is looked at.
    notify_offset_[queue] = offset + 2 <= notify_.size ? static_cast<u32>(offset) : 0;
    hart::fence_io();
    mmio_write<u16>(base + queue_enable, 1);
}
void VirtioPci::notify(u16 queue) {
    hart::fence_io();
    mmio_write<u16>(notify_.start + notify_offset_[queue], queue);
}

u32 VirtioPci::acknowledge_interrupt() {
    auto const why = mmio_read<u8>(interrupt_.start);  // reading lowers the line   [virtio 4.1.4.5]
    hart::fence_io();
    return why;
}

u32 VirtioPci::config(u32 offset, u32 width) {
    if (offset + width > configuration_.size) return 0;
    auto const at = configuration_.start + offset;
    if (width == 1) return mmio_read<u8>(at);
    if (width == 2) return mmio_read<u16>(at);
    return mmio_read<u32>(at);
}
void VirtioPci::set_config(u32 offset, u32 width, u32 value) {
    if (offset + width > configuration_.size) return;
    auto const at = configuration_.start + offset;
    if (width == 1) return mmio_write<u8>(at, static_cast<u8>(value));
    if (width == 2) return mmio_write<u16>(at, static_cast<u16>(value));
    mmio_write<u32>(at, value);
}
u32 VirtioPci::config_generation() {
    return mmio_read<u8>(common_.start + config_generation_register);
}

}  // namespace antler::platform
