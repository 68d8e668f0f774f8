// One of the board's serial ports, an 8250 or 16550.
#pragma once

#include <optional>
#include <string_view>

#include "base/address.hpp"
#include "base/types.hpp"

namespace antler::platform {

class Serial8250 {
public:
    Serial8250(Hpa base, u32 register_shift, u32 register_width)
        : base_{base}, shift_{register_shift}, width_{register_width} {}

    // Keeps the speed that firmware has set; turns the FIFOs on and all interrupts off.
    void start();

    [[nodiscard]] bool can_send() const;
    void send(char c);
    // Fills the transmitter as often as it is empty, at most with `most` bytes; returns how many it took.
    [[nodiscard]] usize send_some(std::string_view text, usize most) const;
    [[nodiscard]] std::optional<char> receive();

    // Interrupts on received characters, and on an empty transmitter.  Those that came stay in the FIFO until
    // somebody takes them, and the sender is held back.
    void interrupt_on(bool received, bool sent);

private:
    [[nodiscard]] u8 read(u32 index) const;
    void write(u32 index, u8 value) const;

    Hpa base_;
    u32 shift_;
    u32 width_;
    u32 depth_ = 1;  // of the transmitter
};

}  // namespace antler::platform
