// Register accesses of the 8250 family.
#include "platform/serial_8250.hpp"

#include "platform/mmio.hpp"

namespace antler::platform {
namespace {

constexpr u32 data = 0;  // receive buffer and transmit holding register
constexpr u32 interrupt_enable = 1;
constexpr u32 fifo_control = 2;
constexpr u32 line_status = 5;

constexpr u8 enable_received = 1 << 0;
constexpr u8 fifo_on = 1 << 0;
constexpr u8 data_ready = 1 << 0;
constexpr u8 transmitter_empty = 1 << 5;

}  // namespace

u8 Serial8250::read(u32 index) const {
    auto const at = base_ + (index << shift_);
    return width_ == 4 ? static_cast<u8>(mmio_read<u32>(at)) : mmio_read<u8>(at);
}

void Serial8250::write(u32 index, u8 value) {
    auto const at = base_ + (index << shift_);
    if (width_ == 4) return mmio_write<u32>(at, value);
    mmio_write<u8>(at, value);
}

void Serial8250::start() {
    write(interrupt_enable, 0);
    write(fifo_control, fifo_on);
}

bool Serial8250::can_send() const {
    return (read(line_status) & transmitter_empty) != 0;
}
void Serial8250::send(char c) {
    write(data, static_cast<u8>(c));
}

std::optional<char> Serial8250::receive() {
    if ((read(line_status) & data_ready) == 0) return std::nullopt;
    return static_cast<char>(read(data));
}

void Serial8250::listen(bool on) {
    write(interrupt_enable, on ? enable_received : 0);
}

}  // namespace antler::platform
