// One queue with one buffer, polled for a bounded time; both register layouts of virtio-mmio.
#include "platform/virtio_rng.hpp"

#include "hart/fence.hpp"
#include "memory/physical.hpp"
#include "platform/mmio.hpp"
#include "platform/virtio_device.hpp"

namespace antler::platform {
namespace {

// [virtio 4.2.2, 4.2.4]
enum class Register : u32 {
    magic = 0x000,
    version = 0x004,
    device_id = 0x008,
    driver_features = 0x020,
    driver_features_select = 0x024,
    old_page_size = 0x028,
    queue_select = 0x030,
    queue_most = 0x034,
    queue_size = 0x038,
    old_queue_alignment = 0x03c,
    old_queue_page = 0x040,
    queue_ready = 0x044,
    queue_notify = 0x050,
    status = 0x070,
    descriptors_low = 0x080,
    descriptors_high = 0x084,
    available_low = 0x090,
    available_high = 0x094,
    used_low = 0x0a0,
    used_high = 0x0a4,
};

constexpr u32 magic_value = 0x7472'6976;  // "virt"
constexpr u32 entropy_device = 4;
constexpr u32 version_1_feature = 1;  // bit 32, in the second word

constexpr u32 acknowledge = 1;
constexpr u32 driver = 2;
constexpr u32 driver_ok = 4;
constexpr u32 features_ok = 8;

constexpr u16 device_writes = 2;

// The queue has one entry.   [virtio 2.7.5, 2.7.6, 2.7.8]
struct Descriptor {
    u64 address;
    u32 bytes;
    u16 flags;
    u16 next;
};
struct Available {
    u16 flags;
    u16 index;
    u16 entry;
};
struct Used {
    u16 flags;
    u16 index;
    u32 id;
    u32 bytes;
};

struct Device {
    Hpa base;
    [[nodiscard]] u32 read(Register at) const { return mmio_read<u32>(base + static_cast<u32>(at)); }
    void write(Register at, u32 value) const { mmio_write<u32>(base + static_cast<u32>(at), value); }
    void write_address(Register low, Register high, u64 value) const {
        write(low, static_cast<u32>(value));
        write(high, static_cast<u32>(value >> 32));
    }
};

// False: the device does not take what we offer.
bool agree(Device const& device, bool old) {
    device.write(Register::status, 0);
    device.write(Register::status, acknowledge | driver);
    device.write(Register::driver_features_select, 0);
    device.write(Register::driver_features, 0);
    if (old) return true;
    device.write(Register::driver_features_select, 1);
    device.write(Register::driver_features, version_1_feature);
    device.write(Register::status, acknowledge | driver | features_ok);
    return (device.read(Register::status) & features_ok) != 0;
}

bool give_queue(Device const& device, bool old, u64 page, u64 available, u64 used) {
    device.write(Register::queue_select, 0);
    if (device.read(Register::queue_most) == 0) return false;
    device.write(Register::queue_size, 1);
    if (old) {
        device.write(Register::old_page_size, page_bytes);
        device.write(Register::old_queue_alignment, page_bytes);
        device.write(Register::old_queue_page, static_cast<u32>(page / page_bytes));
        return true;
    }
    device.write_address(Register::descriptors_low, Register::descriptors_high, page);
    device.write_address(Register::available_low, Register::available_high, available);
    device.write_address(Register::used_low, Register::used_high, used);
    device.write(Register::queue_ready, 1);
    return true;
}

}  // namespace

usize read_virtio_rng(Hpa registers, std::span<u8> workspace, std::span<u8> into, Ticks patience) {
    Device const device{registers};
    if (device.read(Register::magic) != magic_value || device.read(Register::device_id) != entropy_device)
        return 0;
    bool const old = device.read(Register::version) == 1;

    auto* const page = workspace.data();
    auto* const descriptor = reinterpret_cast<Descriptor*>(page);
    auto* const available = reinterpret_cast<Available*>(page + sizeof(Descriptor));
    auto* const used = reinterpret_cast<Used volatile*>(page + page_bytes);
    auto* const buffer = page + page_bytes / 2;
    auto const wanted = into.size() < page_bytes / 2 ? into.size() : page_bytes / 2;
    auto const place = [](void const volatile* at) {
        return reinterpret_cast<u64>(at);
    };  // the house is identity-mapped

    if (!agree(device, old)) return 0;
    if (!give_queue(device, old, place(page), place(available), place(used))) return 0;
    device.write(Register::status, acknowledge | driver | driver_ok | (old ? 0 : features_ok));
    *descriptor = {place(buffer), static_cast<u32>(wanted), device_writes, 0};
    *available = {0, 1, 0};
    hart::fence_io();
    device.write(Register::queue_notify, 0);

    auto const end = hart::time() + patience.n;
    while (used->index == 0 && hart::time() < end) {
    }
    hart::fence_io();
    auto const given = used->index == 0 ? 0 : used->bytes;
    device.write(Register::status, 0);  // it forgets the buffer
    auto const count = given < wanted ? given : wanted;
    for (usize i = 0; i < count; ++i) {
        into[i] = buffer[i];
        buffer[i] = 0;
    }
    return count;
}

usize read_virtio_rng(VirtioTransport& transport, std::span<u8> workspace, std::span<u8> into,
                      Ticks patience) {
    VirtioDevice device{transport};
    DriverQueue queue;
    constexpr u16 entries = 2;
    if (!device.negotiate(0) || !device.open_queue(0, queue, workspace.first(page_bytes), entries)) return 0;
    device.start();
    auto const buffer = workspace.subspan(page_bytes);
    auto const wanted = static_cast<u32>(into.size() < buffer.size() ? into.size() : buffer.size());
    DmaPiece const piece{memory::house_address(buffer.data()), wanted};
    if (!queue.add({}, {&piece, 1}, 0)) return 0;
    if (queue.publish()) transport.notify(0);
    auto const end = hart::time() + patience.n;
    auto done = queue.take();
    while (!done && hart::time() < end) done = queue.take();
    device.reset();
    auto const given = done ? done->written : 0;
    auto const count = given < wanted ? given : wanted;
    for (usize i = 0; i < count; ++i) {
        into[i] = buffer[i];
        buffer[i] = 0;
    }
    return count;
}

}  // namespace antler::platform
