// The board's console: its own 8250 where the device tree names one, else the firmware's.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "backend/port_backlog.hpp"
#include "platform/firmware.hpp"
#include "platform/serial_8250.hpp"

namespace antler::boot {

class Console {
public:
    void use(platform::Firmware const& firmware) { firmware_ = &firmware; }
    void use(platform::Serial8250 serial) { serial_ = serial; }
    // From now on nothing waits for the port: what it does not take at once is kept here, and drain() is
    // called when it takes more, or now and then.
    void keep_in(backend::PortBacklog& backlog) { backlog_ = &backlog; }

    void write(std::string_view text);
    // Says a bounded piece of what was kept.
    void drain();
    // Says all of it, unless the port takes nothing any more.
    void flush(backend::PortBacklog& backlog) const;

    // What was typed, at most as much as fits.
    [[nodiscard]] usize read(std::span<char> into);
    // Whether typed characters interrupt; while they do not, the sender is held back by its flow control.
    void listen(bool on);

private:
    // What the port takes at once.
    [[nodiscard]] usize offer(std::string_view text) const;
    // And what it takes while we wait, which is not for long.
    [[nodiscard]] usize put(std::string_view text) const;
    void choose_interrupts();

    platform::Firmware const* firmware_ = nullptr;
    std::optional<platform::Serial8250> serial_{};
    backend::PortBacklog* backlog_ = nullptr;
    bool listening_ = false;
    u32 chosen_ = 0;
};

}  // namespace antler::boot
