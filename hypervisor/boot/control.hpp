// The control channel of this machine: a port of the board's virtio console, or its second serial port.
#pragma once

#include <optional>

#include "boot/operations.hpp"
#include "control/server.hpp"
#include "platform/serial_8250.hpp"
#include "platform/virtio_serial.hpp"

namespace antler::boot {

struct System;

class VirtioChannel final : public control::Channel {
public:
    explicit VirtioChannel(platform::VirtioSerial& port) : port_{port} {}
    [[nodiscard]] bool connected() override { return port_.connected(); }
    [[nodiscard]] usize receive(std::span<u8> into) override { return port_.receive(into); }
    [[nodiscard]] usize send(std::span<u8 const> bytes) override { return port_.send(bytes); }

private:
    platform::VirtioSerial& port_;
};

// Nobody can tell whether a serial line leads anywhere, so somebody is taken to be there.
class SerialChannel final : public control::Channel, public platform::InterruptHandler {
public:
    explicit SerialChannel(platform::Serial8250 port) : port_{port} {}
    [[nodiscard]] bool connected() override { return true; }
    [[nodiscard]] usize receive(std::span<u8> into) override;
    [[nodiscard]] usize send(std::span<u8 const> bytes) override;
    void start();
    void interrupted() override;

private:
    platform::Serial8250 port_;
};

// Everything that exists only where there is a channel.
struct ControlPort {
    explicit ControlPort(System& all);

    Operations operations;
    control::Server server;
    platform::VirtioSerial virtio;
    std::optional<VirtioChannel> virtio_channel{};
    std::optional<SerialChannel> serial_channel{};
    control::Channel* channel = nullptr;
    bool polled = false;  // what it says has no interrupt of its own
};

// Finds the channel, if the board has one.
void open_control(System& all);

// Tells of the VM's state where it is not the one that was told last.
void tell_state(System& all, u32 id, std::string_view why);
// Something happened that an operator may want to know; from any hart.
void tell(System& all, backend::Event const& event);

}  // namespace antler::boot
