// Registers of virtio-mmio.   [virtio 4.2.2]
#include "platform/virtio_mmio.hpp"

#include "hart/fence.hpp"
#include "platform/mmio.hpp"

namespace antler::platform {
namespace {

enum Register : u32 {
    magic = 0x000,
    version = 0x004,
    device_id = 0x008,
    device_features = 0x010,
    device_features_select = 0x014,
    driver_features = 0x020,
    driver_features_select = 0x024,
    queue_select = 0x030,
    queue_size_most = 0x034,
    queue_size = 0x038,
    queue_ready = 0x044,
    queue_notify = 0x050,
    interrupt_status = 0x060,
    interrupt_acknowledge = 0x064,
    status_register = 0x070,
    descriptors = 0x080,
    available = 0x090,
    used = 0x0a0,
    generation = 0x0fc,
    configuration = 0x100,
};

constexpr u32 magic_value = 0x7472'6976;  // "virt"
constexpr u32 modern_version = 2;

[[nodiscard]] u32 read(Hpa base, u32 at) {
    return mmio_read<u32>(base + at);
}
void write(Hpa base, u32 at, u32 value) {
    mmio_write<u32>(base + at, value);
}
void write_address(Hpa base, u32 at, Hpa value) {
    write(base, at, static_cast<u32>(value.raw()));
    write(base, at + 4, static_cast<u32>(value.raw() >> 32));
}

}  // namespace

std::optional<VirtioMmio> VirtioMmio::find(Hpa registers, std::optional<BoardWire> wire) {
    if (read(registers, magic) != magic_value || read(registers, version) != modern_version)
        return std::nullopt;
    auto const id = static_cast<abi::virtio::DeviceId>(read(registers, device_id));
    if (id == abi::virtio::DeviceId::none) return std::nullopt;
    return VirtioMmio{registers, id, wire};
}

u8 VirtioMmio::status() {
    return static_cast<u8>(read(base_, status_register));
}
void VirtioMmio::set_status(u8 status) {
    hart::fence_io();
    write(base_, status_register, status);
}

u64 VirtioMmio::device_features() {
    write(base_, device_features_select, 0);
    auto const low = read(base_, Register::device_features);
    write(base_, device_features_select, 1);
    return u64{read(base_, Register::device_features)} << 32 | low;
}
void VirtioMmio::set_driver_features(u64 features) {
    write(base_, driver_features_select, 0);
    write(base_, driver_features, static_cast<u32>(features));
    write(base_, driver_features_select, 1);
    write(base_, driver_features, static_cast<u32>(features >> 32));
}

u16 VirtioMmio::queue_most(u16 queue) {
    write(base_, queue_select, queue);
    auto const most = read(base_, queue_size_most);
    return static_cast<u16>(most < 0x8000 ? most : 0x8000);
}
void VirtioMmio::enable_queue(u16 queue, QueuePlace const& place) {
    write(base_, queue_select, queue);
    write(base_, queue_size, place.entries);
    write_address(base_, descriptors, place.descriptors);
    write_address(base_, available, place.available);
    write_address(base_, used, place.used);
    hart::fence_io();
    write(base_, queue_ready, 1);
}
void VirtioMmio::notify(u16 queue) {
    hart::fence_io();
    write(base_, queue_notify, queue);
}

u32 VirtioMmio::acknowledge_interrupt() {
    auto const why = read(base_, interrupt_status);
    if (why != 0) write(base_, interrupt_acknowledge, why);
    hart::fence_io();
    return why;
}

u32 VirtioMmio::config(u32 offset, u32 width) {
    auto const at = base_ + configuration + offset;
    if (width == 1) return mmio_read<u8>(at);
    if (width == 2) return mmio_read<u16>(at);
    return mmio_read<u32>(at);
}
void VirtioMmio::set_config(u32 offset, u32 width, u32 value) {
    auto const at = base_ + configuration + offset;
    if (width == 1) return mmio_write<u8>(at, static_cast<u8>(value));
    if (width == 2) return mmio_write<u16>(at, static_cast<u16>(value));
    mmio_write<u32>(at, value);
}
u32 VirtioMmio::config_generation() {
    return read(base_, generation);
}

}  // namespace antler::platform
