// A driver of a virtio socket device.
#include "guests/vsock/socket.hpp"

#include <cstring>

#include "guests/lib/virtio_mmio.hpp"

namespace antler::guests {
namespace {

namespace virtio = abi::virtio;

}  // namespace

Socket::Socket() : wires_{this_hart().id} {
    auto const found = find_virtio(virtio::DeviceId::socket);
    if (!found) give_up("there is no socket device");
    base_ = found->base;
    source_ = found->source;
    namespace status = virtio::status;
    set_reg(mmio::status, 0);
    set_reg(mmio::status, status::acknowledge | status::driver);
    choose_features(base_, virtio::feature::version_1 | virtio::vsock::feature_stream);
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
    auto const rings = take_pages(1);
    std::memset(reinterpret_cast<void*>(rings), 0, 4096);
    queue.table = reinterpret_cast<virtio::Descriptor*>(rings);
    queue.available = reinterpret_cast<u16 volatile*>(rings + 1024);
    queue.used = reinterpret_cast<u16 volatile*>(rings + 2048);
    queue.buffers = take_pages(entries);
    open_queue(base_, number, entries, rings, rings + 1024, rings + 2048);
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
