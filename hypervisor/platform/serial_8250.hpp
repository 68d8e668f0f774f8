// The board's 8250 or 16550 console.
#pragma once

#include <optional>

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
    [[nodiscard]] std::optional<char> receive();

    // Interrupts on received characters; off, they stay in the FIFO and the sender is held back.
    void listen(bool on);

private:
    [[nodiscard]] u8 read(u32 index) const;
    void write(u32 index, u8 value);

    Hpa base_;
    u32 shift_;
    u32 width_;
};

}  // namespace antler::platform
