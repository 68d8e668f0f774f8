// The board's console: its own 8250 where the device tree names one, else the firmware's.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/ring.hpp"
#include "platform/firmware.hpp"
#include "platform/serial_8250.hpp"

namespace antler::boot {

class Console {
public:
    void use(platform::Firmware const& firmware) { firmware_ = &firmware; }
    void use(platform::Serial8250 serial) { serial_ = serial; }
    [[nodiscard]] bool has_interrupt() const { return serial_.has_value(); }

    void write(std::string_view text);

    // What was typed, at most as much as fits.
    [[nodiscard]] usize read(std::span<char> into);
    // Whether typed characters interrupt; while they do not, the sender is held back by its flow control.
    void listen(bool on);

private:
    void put(char c);

    platform::Firmware const* firmware_ = nullptr;
    std::optional<platform::Serial8250> serial_{};
    bool listening_ = false;
};

}  // namespace antler::boot
