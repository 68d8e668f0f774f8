// The control queues find the port; its own two queues carry bytes.
#include "platform/virtio_serial.hpp"

#include <algorithm>
#include <utility>

namespace antler::platform {
namespace {

constexpr u64 multiport = u64{1} << 1;  // [virtio 5.3.3]
constexpr u32 max_ports_offset = 4;     // [virtio 5.3.4]

// [virtio 5.3.6.2]
constexpr u16 device_ready = 0;
constexpr u16 device_add = 1;
constexpr u16 device_remove = 2;
constexpr u16 port_ready = 3;
constexpr u16 console_port = 4;
constexpr u16 port_open = 6;
constexpr u16 port_name = 7;

constexpr u16 control_in_queue = 2;
constexpr u16 control_out_queue = 3;

// Port 0 has the queues before the control queues, the others those behind.   [virtio 5.3.2]
constexpr u16 in_queue(u32 port) {
    return static_cast<u16>(port == 0 ? 0 : 2 * port + 2);
}
constexpr u16 out_queue(u32 port) {
    return static_cast<u16>(in_queue(port) + 1);
}

}  // namespace

// Six pages of queues, then buffers: control in, control out, in, out.
u8* VirtioSerial::buffer(DriverQueue const& queue, u32 index) const {
    auto* const control_in = memory_.data() + 6 * page_bytes;
    auto* const control_out = control_in + entries * control_bytes;
    auto* const in = control_out + entries * control_bytes;
    auto* const out = in + entries * receive_bytes;
    static_assert(6 * page_bytes + entries * (2 * control_bytes + receive_bytes + send_bytes) <=
                  memory_bytes);
    if (&queue == &control_in_) return control_in + index * control_bytes;
    if (&queue == &control_out_) return control_out + index * control_bytes;
    for (auto const& one : in_)
        if (&queue == &one) return in + index * receive_bytes;
    return out + index * send_bytes;
}

Result<void> VirtioSerial::start(VirtioTransport& transport, std::span<u8> memory, std::string_view name) {
    if (memory.size() < memory_bytes) return Err{Error::no_memory};
    VirtioDevice device{transport};
    auto const agreed = TRY(device.negotiate(multiport));
    if ((agreed & multiport) == 0) return Err{Error::not_supported};
    auto const there = std::min(device.config32(max_ports_offset), ports);
    transport_ = &transport;
    memory_ = memory;
    name_ = name;
    u32 page = 0;
    auto const open = [&](u16 index, DriverQueue& queue) -> Result<void> {
        auto const count = device.queue_entries(index, entries);
        if (count == 0) return Err{Error::not_supported};
        return device.open_queue(index, queue, memory.subspan(page++ * page_bytes, page_bytes), count);
    };
    TRY(open(control_in_queue, control_in_));
    TRY(open(control_out_queue, control_out_));
    for (u32 port = 0; port < there; ++port) {
        TRY(open(in_queue(port), in_[port]));
        TRY(open(out_queue(port), out_[port]));
    }
    device.start();
    for (u32 i = 0; control_in_.room() != 0 && i < entries; ++i)
        offer(control_in_, control_in_queue, i, control_bytes);
    (void)control_in_.listen();
    say(0, device_ready, 1);
    return {};
}

void VirtioSerial::offer(DriverQueue& queue, u16 number, u32 index, u32 bytes) {
    DmaPiece const piece{Hpa{reinterpret_cast<u64>(buffer(queue, index))}, bytes};
    if (!queue.add({}, {&piece, 1}, index)) return;  // there is room for as many as there are buffers
    if (queue.publish()) transport_->notify(number);
}

void VirtioSerial::say(u32 id, u16 event, u16 value) {
    while (control_out_.take()) {
    }
    // The device takes these at once; one that does not is broken, and what it misses is its loss.
    if (control_out_.room() == 0) return;
    auto const index = control_said_++ % entries;
    auto* const place = buffer(control_out_, index);
    Control const message{id, event, value};
    __builtin_memcpy(place, &message, sizeof message);
    DmaPiece const piece{Hpa{reinterpret_cast<u64>(place)}, sizeof message};
    if (!control_out_.add({&piece, 1}, {}, index)) return;
    if (control_out_.publish()) transport_->notify(control_out_queue);
}

void VirtioSerial::serve_control() {
    if (transport_ == nullptr) return;
    do {
        while (auto const done = control_in_.take()) {
            auto const index = done->token % entries;
            auto const* const bytes = buffer(control_in_, index);
            auto const size = std::min(done->written, control_bytes);
            Control message{};
            if (size >= sizeof message) {
                __builtin_memcpy(&message, bytes, sizeof message);
                heard(message,
                      {reinterpret_cast<char const*>(bytes) + sizeof message, size - sizeof message});
            }
            offer(control_in_, control_in_queue, index, control_bytes);
        }
    } while (!control_in_.listen());
}

void VirtioSerial::heard(Control const& message, std::string_view name) {
    auto const id = message.id;
    if (message.event == device_add) return say(id, port_ready, id < ports ? 1 : 0);
    if (id >= ports) return;
    if (message.event == console_port) say(id, port_open, 1);
    if (message.event == port_open || message.event == device_remove) {
        open_[id] = message.event == port_open && message.value != 0;
        if (!open_[id] && id == port_) was_closed_ = true;
    }
    // The name may be followed by a NUL.
    if (message.event == port_name && name.substr(0, name.find('\0')) == name_ && port_ == ports)
        port_found(id);
}

void VirtioSerial::port_found(u32 id) {
    if (!in_[id].is_open()) return;
    port_ = id;
    for (u32 i = 0; in_[id].room() != 0 && i < entries; ++i) offer(in_[id], in_queue(id), i, receive_bytes);
    (void)in_[id].listen();
    say(id, port_open, 1);
}

bool VirtioSerial::connected() {
    serve_control();
    if (port_ == ports) return false;
    // Who came when the last one had gone is somebody else, and is told so by one "nobody" between them.
    if (std::exchange(was_closed_, false)) {
        if (open_[port_]) wake_();
        return false;
    }
    return open_[port_];
}

usize VirtioSerial::receive(std::span<u8> into) {
    if (port_ == ports) return 0;
    auto& queue = in_[port_];
    if (arrived_taken_ == arrived_bytes_) {
        // Whoever was here before is taken leave of first: what comes now may be somebody else's.
        serve_control();
        if (was_closed_) {
            wake_();
            return 0;
        }
        auto done = queue.take();
        if (!done && !queue.listen()) done = queue.take();
        if (!done) return 0;
        arrived_ = done->token % entries;
        arrived_bytes_ = std::min(done->written, receive_bytes);
        arrived_taken_ = 0;
    }
    auto const count = std::min<usize>(into.size(), arrived_bytes_ - arrived_taken_);
    __builtin_memcpy(into.data(), buffer(queue, arrived_) + arrived_taken_, count);
    arrived_taken_ += static_cast<u32>(count);
    if (arrived_taken_ == arrived_bytes_) offer(queue, in_queue(port_), arrived_, receive_bytes);
    return count;
}

usize VirtioSerial::send(std::span<u8 const> bytes) {
    if (port_ == ports) return 0;
    auto& queue = out_[port_];
    // Buffers come back in the order they went, so the next one is free when any is.
    while (queue.take()) {
    }
    usize sent = 0;
    while (sent < bytes.size()) {
        if (queue.in_flight() == entries || queue.room() == 0) {
            (void)queue.listen();
            break;
        }
        auto const index = sending_++ % entries;
        auto const count = std::min<usize>(bytes.size() - sent, send_bytes);
        auto* const place = buffer(queue, index);
        __builtin_memcpy(place, bytes.data() + sent, count);
        DmaPiece const piece{Hpa{reinterpret_cast<u64>(place)}, static_cast<u32>(count)};
        if (!queue.add({&piece, 1}, {}, index)) break;
        sent += count;
    }
    if (queue.publish()) transport_->notify(out_queue(port_));
    return sent;
}

void VirtioSerial::interrupted() {
    // The line may be shared with a device that has something to say while we have nothing.
    if (transport_ != nullptr && transport_->acknowledge_interrupt() != 0) wake_();
}

}  // namespace antler::platform
