// Register accesses of the 8250 family.
#include "platform/serial_8250.hpp"

#include <algorithm>

#include "platform/mmio.hpp"

namespace antler::platform {
namespace {

constexpr u32 data = 0;  // receive buffer and transmit holding register
constexpr u32 interrupt_enable = 1;
constexpr u32 interrupt_identity = 2;  // read
constexpr u32 fifo_control = 2;        // written
constexpr u32 line_status = 5;

constexpr u8 enable_received = 1 << 0;
constexpr u8 enable_sent = 1 << 1;
constexpr u8 fifo_on = 1 << 0;
constexpr u8 fifo_works = 0xc0;
constexpr u32 fifo_depth = 16;
constexpr u8 data_ready = 1 << 0;
constexpr u8 transmitter_empty = 1 << 5;

}  // namespace

u8 Serial8250::read(u32 index) const {
    auto const at = base_ + (index << shift_);
    return width_ == 4 ? static_cast<u8>(mmio_read<u32>(at)) : mmio_read<u8>(at);
}

void Serial8250::write(u32 index, u8 value) const {
    auto const at = base_ + (index << shift_);
    if (width_ == 4) return mmio_write<u32>(at, value);
    mmio_write<u8>(at, value);
}

void Serial8250::start() {
    write(interrupt_enable, 0);
    write(fifo_control, fifo_on);
    depth_ = (read(interrupt_identity) & fifo_works) == fifo_works ? fifo_depth : 1;
}

bool Serial8250::can_send() const {
    return (read(line_status) & transmitter_empty) != 0;
}
void Serial8250::send(char c) {
    write(data, static_cast<u8>(c));
}

usize Serial8250::send_some(std::string_view text, usize most) const {
    auto const end = std::min(text.size(), most);
    usize count = 0;
    while (count < end && can_send()) {
        auto const stop = std::min<usize>(end, count + depth_);
        for (; count < stop; ++count) write(data, static_cast<u8>(text[count]));
    }
    return count;
}

std::optional<char> Serial8250::receive() {
    if ((read(line_status) & data_ready) == 0) return std::nullopt;
    return static_cast<char>(read(data));
}

void Serial8250::interrupt_on(bool received, bool sent) {
    write(interrupt_enable, (received ? enable_received : 0) | (sent ? enable_sent : 0));
}

}  // namespace antler::platform
