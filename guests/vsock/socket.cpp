// A driver of a virtio socket device.
#include "guests/vsock/socket.hpp"

#include <cstring>

namespace antler::guests {
namespace {

namespace virtio = abi::virtio;

// Registers of the mmio transport.   [virtio 4.2.2]
namespace mmio {
inline constexpr u32 device = 0x008, features = 0x020, select = 0x024, queue = 0x030, queue_most = 0x034,
                     queue_size = 0x038, queue_ready = 0x044, notify = 0x050, interrupt = 0x060,
                     acknowledge = 0x064, status = 0x070, table = 0x080, available = 0x090, used = 0x0a0;
}

}  // namespace

Socket::Socket() : wires_{this_hart().id} {
    auto const tree = device_tree();
    abi::FdtWalk walk{tree};
    while (walk.next()) {
        if (!walk.node().compatible("virtio,mmio")) continue;
        auto const registers = walk.reg();
        auto const interrupts = walk.node().property("interrupts");
        if (!registers || !interrupts) continue;
        if (load<u32>(registers->address + mmio::device) != static_cast<u32>(virtio::DeviceId::socket))
            continue;
        base_ = registers->address;
        source_ = interrupts->cell(0).value_or(0);
    }
    if (base_ == 0) give_up("there is no socket device");
    namespace status = virtio::status;
    set_reg(mmio::status, 0);
    set_reg(mmio::status, status::acknowledge | status::driver);
    set_reg(mmio::select, 0);
    set_reg(mmio::features, static_cast<u32>(virtio::vsock::feature_stream));
    set_reg(mmio::select, 1);
    set_reg(mmio::features, static_cast<u32>(virtio::feature::version_1 >> 32));
    set_reg(mmio::status, status::acknowledge | status::driver | status::features_ok);
    set_up(receive_, virtio::vsock::receive_queue);
    set_up(transmit_, virtio::vsock::transmit_queue);
    transmit_.available[0] = virtio::available_no_interrupt;
    set_reg(mmio::status, status::acknowledge | status::driver | status::features_ok | status::driver_ok);
    for (u16 i = 0; i < entries; ++i) {
        receive_.table[i] = {receive_.buffers + u64{i} * buffer_bytes, buffer_bytes,
                             virtio::descriptor::device_writes, 0};
        post(receive_, i);
    }
    set_reg(mmio::notify, virtio::vsock::receive_queue);
    wires_.open(source_);
    csr::sie::set(irq::bit(irq::external));
}

void Socket::set_up(Queue& queue, u32 number) {
    set_reg(mmio::queue, number);
    if (load<u32>(base_ + mmio::queue_most) < entries) give_up("the socket's queues are short");
    auto const rings = take_pages(1);
    std::memset(reinterpret_cast<void*>(rings), 0, 4096);
    queue.table = reinterpret_cast<virtio::Descriptor*>(rings);
    queue.available = reinterpret_cast<u16 volatile*>(rings + 1024);
    queue.used = reinterpret_cast<u16 volatile*>(rings + 2048);
    queue.buffers = take_pages(entries);
    auto const set_address = [&](u32 at, u64 address) {
        set_reg(at, static_cast<u32>(address));
        set_reg(at + 4, static_cast<u32>(address >> 32));
    };
    set_reg(mmio::queue_size, entries);
    set_address(mmio::table, rings);
    set_address(mmio::available, rings + 1024);
    set_address(mmio::used, rings + 2048);
    set_reg(mmio::queue_ready, 1);
}

void Socket::post(Queue& queue, u16 entry) const {
    queue.available[2 + queue.posted % entries] = entry;
    asm volatile("fence rw, w" ::: "memory");
    queue.available[1] = ++queue.posted;
    asm volatile("fence rw, rw" ::: "memory");
}

std::optional<Socket::Packet> Socket::receive() {
    if (holds_) {
        post(receive_, held_);
        set_reg(mmio::notify, virtio::vsock::receive_queue);
        holds_ = false;
    }
    if (receive_.used_index() == receive_.taken) return std::nullopt;
    asm volatile("fence r, rw" ::: "memory");
    auto const* const ring = reinterpret_cast<u32 const volatile*>(const_cast<u16 const*>(receive_.used) + 2);
    auto const slot = receive_.taken++ % entries;
    held_ = static_cast<u16>(ring[2 * slot]);
    auto const bytes = ring[2 * slot + 1];
    holds_ = true;
    auto const* const at = reinterpret_cast<u8 const*>(receive_.buffers + u64{held_} * buffer_bytes);
    Packet packet{};
    if (bytes < sizeof packet.header) return packet;
    std::memcpy(&packet.header, at, sizeof packet.header);
    packet.data = {at + sizeof packet.header, bytes - sizeof packet.header};
    return packet;
}

void Socket::send(Header const& header, std::span<u8 const> data) {
    send_raw({reinterpret_cast<u8 const*>(&header), sizeof header}, data);
}

void Socket::send_raw(std::span<u8 const> bytes, std::span<u8 const> more) {
    if (!within(5000, [&] { return static_cast<u16>(transmit_.posted - transmit_.used_index()) < entries; }))
        give_up("the device does not take what it is sent");
    auto const entry = static_cast<u16>(transmit_.posted % entries);
    auto const at = transmit_.buffers + u64{entry} * buffer_bytes;
    auto* const to = reinterpret_cast<u8*>(at);
    std::memcpy(to, bytes.data(), bytes.size());
    if (!more.empty()) std::memcpy(to + bytes.size(), more.data(), more.size());
    transmit_.table[entry] = {at, static_cast<u32>(bytes.size() + more.size()), 0, 0};
    post(transmit_, entry);
    set_reg(mmio::notify, virtio::vsock::transmit_queue);
}

void Socket::wait(u64 until) {
    csr::sie::set(irq::bit(irq::timer));
    sbi::set_timer(until);
    while (receive_.used_index() == receive_.taken && now() < until) {
        wait_for_interrupt();
        if ((csr::sip::read() & irq::bit(irq::external)) == 0) continue;
        auto const source = wires_.claim();
        if (source == 0) continue;
        set_reg(mmio::acknowledge, load<u32>(base_ + mmio::interrupt));
        wires_.complete(source);
    }
    sbi::set_timer(sbi::never);
    csr::sie::clear(irq::bit(irq::timer));
}

}  // namespace antler::guests
