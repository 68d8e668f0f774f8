// The control channel of this machine: a port of the board's virtio console, or its second serial port.
#pragma once

#include <atomic>
#include <optional>

#include "boot/operations.hpp"
#include "control/server.hpp"
#include "platform/serial_8250.hpp"
#include "platform/virtio_serial.hpp"

namespace antler::boot {

struct System;

class VirtioChannel final : public control::Channel {
public:
    VirtioChannel(platform::VirtioSerial& port, u32 line) : port_{port}, line_{line} {}
    [[nodiscard]] bool connected() override { return port_.connected(line_); }
    [[nodiscard]] usize receive(std::span<u8> into) override { return port_.receive(line_, into); }
    [[nodiscard]] usize send(std::span<u8 const> bytes) override { return port_.send(line_, bytes); }

private:
    platform::VirtioSerial& port_;
    u32 line_;
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
    void arm();

    platform::Serial8250 port_;
    bool sends_ = false;               // something is left to be sent; the boot hart's
    std::atomic<bool> armed_ = false;  // it interrupts
};

// Somebody may talk to us here.
struct ControlLine {
    ControlLine(Operations& operations, backend::LockedOutward& outward, control::Channel& where, u32 number)
        : server{operations, outward, number}, channel{where} {}
    control::Server server;
    control::Channel& channel;
};

// Everything that exists only where there is a channel: of a virtio console four, or one serial port.
struct ControlPort {
    explicit ControlPort(System& all);
    void add(System& all, control::Channel& channel);

    Operations operations;
    platform::VirtioSerial virtio;
    std::array<std::optional<VirtioChannel>, platform::VirtioSerial::lines> virtio_channels{};
    std::optional<SerialChannel> serial_channel{};
    std::array<std::optional<ControlLine>, backend::most_channels> lines{};
    u32 line_count = 0;
    bool polled = false;  // what it says has no interrupt of its own
};

// Finds the channel, if the board has one.
void open_control(System& all);

// Tells of the VM's state where it is not the one that was told last.
void tell_state(System& all, u32 id, std::string_view why);
// Something happened that an operator may want to know; from any hart.
void tell(System& all, backend::Event const& event);

}  // namespace antler::boot
