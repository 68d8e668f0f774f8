// The control queues find the ports; two queues of its own carry each port's bytes.
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

bool is_named(std::string_view name, std::string_view ours) {
    name = name.substr(0, name.find('\0'));  // there may be one behind the name
    return name == ours || (name.starts_with(ours) && name.substr(ours.size()).starts_with('.'));
}

}  // namespace

// A page for each queue, then buffers: control in, control out, and for each port in and out.
u8* VirtioSerial::control_buffer(bool in, u32 index) const {
    auto* const buffers = memory_.data() + 2 * (1 + ports) * page_bytes;
    return buffers + (in ? index : control_entries + index) * control_bytes;
}

u8* VirtioSerial::buffer(u32 port, bool in, u32 index) const {
    constexpr u64 each = entries * (receive_bytes + send_bytes);
    static_assert(2 * (1 + ports) * page_bytes + 2 * control_entries * control_bytes + ports * each <=
                  memory_bytes);
    auto* const buffers = control_buffer(false, control_entries) + port * each;
    return in ? buffers + index * receive_bytes : buffers + entries * receive_bytes + index * send_bytes;
}

Result<void> VirtioSerial::start(VirtioTransport& transport, std::span<u8> memory, std::string_view name) {
    if (memory.size() < memory_bytes) return Err{Error::no_memory};
    VirtioDevice device{transport};
    auto const agreed = TRY(device.negotiate(multiport));
    if ((agreed & multiport) == 0) return Err{Error::not_supported};
    auto const there = std::min(device.config32(max_ports_offset), ports);
    memory_ = memory;
    name_ = name;
    u32 page = 0;
    auto const open = [&](u16 index, DriverQueue& queue, u16 most) -> Result<void> {
        auto const count = device.queue_entries(index, most);
        if (count == 0) return Err{Error::not_supported};
        return device.open_queue(index, queue, memory.subspan(page++ * page_bytes, page_bytes), count);
    };
    TRY(open(control_in_queue, control_in_, control_entries));
    TRY(open(control_out_queue, control_out_, control_entries));
    for (u32 port = 0; port < there; ++port) {
        TRY(open(in_queue(port), ports_[port].in, entries));
        TRY(open(out_queue(port), ports_[port].out, entries));
    }
    transport_ = &transport;
    device.start();
    for (u32 i = 0; control_in_.room() != 0 && i < control_entries; ++i)
        offer(control_in_, control_in_queue, control_buffer(true, i), i, control_bytes);
    (void)control_in_.listen();
    say(0, device_ready, 1);
    return {};
}

void VirtioSerial::offer(DriverQueue& queue, u16 number, u8* buffer, u32 index, u32 bytes) {
    DmaPiece const piece{Hpa{reinterpret_cast<u64>(buffer)}, bytes};
    if (!queue.add({}, {&piece, 1}, index)) return;  // there is room for as many as there are buffers
    if (queue.publish()) transport_->notify(number);
}

void VirtioSerial::say(u32 id, u16 event, u16 value) {
    while (control_out_.take()) {
    }
    // The device takes these at once; one that does not is broken, and what it misses is its loss.
    if (control_out_.room() == 0) return;
    auto const index = control_said_++ % control_entries;
    auto* const place = control_buffer(false, index);
    Control const message{id, event, value};
    __builtin_memcpy(place, &message, sizeof message);
    DmaPiece const piece{Hpa{reinterpret_cast<u64>(place)}, sizeof message};
    if (!control_out_.add({&piece, 1}, {}, index)) return;
    if (control_out_.publish()) transport_->notify(control_out_queue);
}

void VirtioSerial::serve_control() {
    do {
        while (auto const done = control_in_.take()) {
            auto const index = done->token % control_entries;
            auto* const bytes = control_buffer(true, index);
            auto const size = std::min(done->written, control_bytes);
            Control message{};
            if (size >= sizeof message) {
                __builtin_memcpy(&message, bytes, sizeof message);
                heard(message,
                      {reinterpret_cast<char const*>(bytes) + sizeof message, size - sizeof message});
            }
            offer(control_in_, control_in_queue, bytes, index, control_bytes);
        }
    } while (!control_in_.listen());
}

void VirtioSerial::heard(Control const& message, std::string_view name) {
    auto const id = message.id;
    if (message.event == device_add) return say(id, port_ready, id < ports ? 1 : 0);
    if (id >= ports) return;
    auto& port = ports_[id];
    if (message.event == console_port) say(id, port_open, 1);
    if (message.event == port_open || message.event == device_remove) {
        port.open = message.event == port_open && message.value != 0;
        port.was_closed = port.was_closed || !port.open;
    }
    if (message.event == port_name && id != 0 && !port.named && is_named(name, name_)) port_found(id);
}

void VirtioSerial::port_found(u32 id) {
    auto& port = ports_[id];
    if (!port.in.is_open()) return;
    port.named = true;
    for (u32 i = 0; port.in.room() != 0 && i < entries; ++i)
        offer(port.in, in_queue(id), buffer(id, true, i), i, receive_bytes);
    (void)port.in.listen();
    say(id, port_open, 1);
}

bool VirtioSerial::connected(u32 line) {
    serve_control();
    auto& port = ports_[line + 1];
    if (!port.named) return false;
    // Who came when the last one had gone is somebody else, and is told so by one "nobody" between them.
    if (std::exchange(port.was_closed, false)) {
        if (port.open) wake_();
        return false;
    }
    return port.open;
}

usize VirtioSerial::receive(u32 line, std::span<u8> into) {
    auto const id = line + 1;
    auto& port = ports_[id];
    if (!port.named) return 0;
    if (port.arrived_taken == port.arrived_bytes) {
        // Whoever was here before is taken leave of first: what comes now may be somebody else's.
        serve_control();
        if (port.was_closed) {
            wake_();
            return 0;
        }
        auto done = port.in.take();
        if (!done && !port.in.listen()) done = port.in.take();
        if (!done) return 0;
        port.arrived = done->token % entries;
        port.arrived_bytes = std::min(done->written, receive_bytes);
        port.arrived_taken = 0;
    }
    auto const count = std::min<usize>(into.size(), port.arrived_bytes - port.arrived_taken);
    auto* const bytes = buffer(id, true, port.arrived);
    __builtin_memcpy(into.data(), bytes + port.arrived_taken, count);
    port.arrived_taken += static_cast<u32>(count);
    if (port.arrived_taken == port.arrived_bytes)
        offer(port.in, in_queue(id), bytes, port.arrived, receive_bytes);
    return count;
}

usize VirtioSerial::send(u32 line, std::span<u8 const> bytes) {
    auto const id = line + 1;
    auto& port = ports_[id];
    if (!port.named) return 0;
    // Buffers come back in the order they went, so the next one is free when any is.
    while (port.out.take()) {
    }
    usize sent = 0;
    while (sent < bytes.size()) {
        if (port.out.in_flight() == entries || port.out.room() == 0) {
            (void)port.out.listen();
            break;
        }
        auto const index = port.sending++ % entries;
        auto const count = std::min<usize>(bytes.size() - sent, send_bytes);
        auto* const place = buffer(id, false, index);
        __builtin_memcpy(place, bytes.data() + sent, count);
        DmaPiece const piece{Hpa{reinterpret_cast<u64>(place)}, static_cast<u32>(count)};
        if (!port.out.add({&piece, 1}, {}, index)) break;
        sent += count;
    }
    if (port.out.publish()) transport_->notify(out_queue(id));
    return sent;
}

void VirtioSerial::interrupted() {
    // The line may be shared with a device that has something to say while we have nothing.
    if (transport_ != nullptr && transport_->acknowledge_interrupt() != 0) wake_();
}

}  // namespace antler::platform
