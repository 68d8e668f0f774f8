// A driver of a virtio network card.
#include "guests/net/card.hpp"

#include "guests/lib/virtio_mmio.hpp"

namespace antler::guests {
namespace {

constexpr u32 acknowledged = 1, driver = 2, driver_ok = 4, features_ok = 8;
constexpr u16 more = 1, device_writes = 2;

}  // namespace

Card::Card(u64 wanted) : wires_{this_hart().id} {
    auto const found = find_virtio(abi::virtio::DeviceId::network);
    if (!found) give_up("there is no network card");
    base_ = found->base;
    source_ = found->source;
    set_reg(mmio::status, 0);
    set_reg(mmio::status, acknowledged);
    set_reg(mmio::status, acknowledged | driver);
    set_reg(mmio::host_select, 0);
    u64 offered = reg(mmio::host_features);
    set_reg(mmio::host_select, 1);
    offered |= u64{reg(mmio::host_features)} << 32;
    features_ = offered & (wanted | feature::version_1 | feature::mac | feature::event_index);
    choose_features(base_, features_);
    if ((reg(mmio::status) & features_ok) == 0) give_up("the card does not like these features");
    for (u32 i = 0; i < mac_.size(); ++i) mac_[i] = load<u8>(base_ + mmio::config + i);
    set_up(receive_, 0);
    set_up(send_, 1);
    set_reg(mmio::status, acknowledged | driver | features_ok | driver_ok);
    for (u16 i = 0; i < entries; ++i) {
        receive_.table[i] = {receive_.buffers + u64{i} * buffer_bytes + frame_offset - header_bytes,
                             buffer_bytes - frame_offset + header_bytes, device_writes, 0};
        receive_.available[2 + i] = i;
    }
    receive_.posted = entries;
    receive_.publish(receive_.posted);
    send_.call_me_at(static_cast<u16>(send_.taken - 1));
    wires_.open(source_);
    csr::sie::set(irq::bit(irq::external));
    set_reg(mmio::notify, 0);
    receive_.told = receive_.posted;
    effort.begin();
}

bool Card::has_link() const {
    return (load<u16>(base_ + mmio::config + 6) & 1) != 0;
}

void Card::set_up(Queue& queue, u32 number) {
    queue.table = reinterpret_cast<Descriptor*>(take_pages(1));
    queue.available = reinterpret_cast<u16 volatile*>(take_pages(1));
    queue.used = reinterpret_cast<u16 volatile*>(take_pages(1));
    queue.buffers = take_pages(entries * buffer_bytes / 4096);
    std::memset(const_cast<u16*>(queue.available), 0, 4096);
    std::memset(const_cast<u16*>(queue.used), 0, 4096);
    open_queue(base_, number, entries, reinterpret_cast<u64>(queue.table),
               reinterpret_cast<u64>(queue.available), reinterpret_cast<u64>(queue.used));
}

u8* Card::room() {
    if (static_cast<u16>(send_.posted - send_.taken) >= entries - 2) {
        send_.taken = send_.used_index();
        send_.call_me_at(static_cast<u16>(send_.taken - 1));
        if (static_cast<u16>(send_.posted - send_.taken) >= entries - 2) return nullptr;
    }
    return reinterpret_cast<u8*>(send_.buffers + u64{send_.posted} % entries * buffer_bytes + frame_offset);
}

void Card::push(u32 length, PacketHeader const& header) {
    auto const n = static_cast<u16>(send_.posted % entries);
    auto const at = send_.buffers + u64{n} * buffer_bytes + frame_offset - header_bytes;
    std::memcpy(reinterpret_cast<void*>(at), &header, header_bytes);
    send_.table[n] = {at, length + header_bytes, 0, 0};
    send_.available[2 + n] = n;
    ++send_.posted;
}

void Card::push_large(std::span<u8 const> frame, PacketHeader const& header) {
    // The descriptor behind this one's, which is not used for anything else meanwhile, has the frame.
    (void)room();
    auto const n = static_cast<u16>(send_.posted % entries);
    auto const next = static_cast<u16>((n + 1) % entries);
    auto const at = send_.buffers + u64{n} * buffer_bytes + frame_offset - header_bytes;
    std::memcpy(reinterpret_cast<void*>(at), &header, header_bytes);
    send_.table[n] = {at, header_bytes, more, next};
    send_.table[next] = {reinterpret_cast<u64>(frame.data()), static_cast<u32>(frame.size()), 0, 0};
    send_.available[2 + n] = n;
    ++send_.posted;
    kick();
    (void)within(5000, [&] { return send_.used_index() == send_.posted; });
}

void Card::kick() {
    send_.publish(send_.posted);
    notify(send_, 1);
}

// Tells the device, if it wants to know.   [virtio 2.7.10]
void Card::notify(Queue& queue, u32 number) {
    asm volatile("fence rw, rw" ::: "memory");
    auto const wants = queue.used[2 + entries * 4];
    bool const now = static_cast<u16>(queue.posted - wants - 1) < static_cast<u16>(queue.posted - queue.told);
    queue.told = queue.posted;
    if (now || !has(feature::event_index)) effort.leaving([&] { set_reg(mmio::notify, number); });
}

void Card::repost() {
    for (u32 i = 0; i < held_count_; ++i) receive_.available[2 + receive_.posted++ % entries] = held_[i];
    held_count_ = 0;
    // In groups: the device looks at the index when it runs out.
    if (static_cast<u16>(receive_.posted - receive_.told) < 32) return;
    receive_.publish(receive_.posted);
    notify(receive_, 0);
}

std::optional<Card::Received> Card::receive() {
    repost();
    if (receive_.used_index() == receive_.taken) return std::nullopt;
    asm volatile("fence r, rw" ::: "memory");
    auto const take = [&] {
        auto const [id, bytes] = receive_.used_entry(receive_.taken++);
        held_[held_count_++ % held_.size()] = static_cast<u16>(id);
        return std::pair{static_cast<u16>(id), bytes};
    };
    auto const [first, bytes] = take();
    auto const at = receive_.buffers + u64{first} * buffer_bytes + frame_offset;
    Received received;
    std::memcpy(&received.header, reinterpret_cast<void const*>(at - header_bytes), header_bytes);
    received.frame = {reinterpret_cast<u8 const*>(at), bytes - header_bytes};
    received.length = bytes - header_bytes;
    if (has(feature::merged_buffers))
        for (u16 i = 1; i < received.header.buffers; ++i) received.length += take().second;
    return received;
}

void Card::wait(u64 until) {
    receive_.call_me_at(receive_.taken);
    asm volatile("fence rw, rw" ::: "memory");
    if (receive_.used_index() != receive_.taken) return;
    if (until != sbi::never) {
        csr::sie::set(irq::bit(irq::timer));
        sbi::set_timer(until);
    }
    while (receive_.used_index() == receive_.taken && now() < until) {
        effort.leaving([] { wait_for_interrupt(); });
        if ((csr::sip::read() & irq::bit(irq::external)) == 0) continue;
        auto const source = effort.leaving([&] { return wires_.claim(); });
        if (source == 0) continue;
        auto const why = effort.leaving([&] { return reg(mmio::interrupt); });
        effort.leaving([&] { set_reg(mmio::acknowledge, why); });
        effort.leaving([&] { wires_.complete(source); });
    }
    // Nobody calls while frames are taken one after the other.
    receive_.call_me_at(static_cast<u16>(receive_.taken - 1));
    if (until != sbi::never) {
        sbi::set_timer(sbi::never);
        csr::sie::clear(irq::bit(irq::timer));
    }
}

}  // namespace antler::guests
