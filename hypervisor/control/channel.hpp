// Bytes to and from whoever holds the other end of the control channel; nothing here waits.
#pragma once

#include <span>

#include "base/types.hpp"

namespace antler::control {

class Channel {
public:
    // False: nobody is there, as far as can be told.
    [[nodiscard]] virtual bool connected() = 0;
    // How many bytes came; zero: none are there.
    [[nodiscard]] virtual usize receive(std::span<u8> into) = 0;
    // How many bytes were taken; zero: there is no room.
    [[nodiscard]] virtual usize send(std::span<u8 const> bytes) = 0;

protected:
    ~Channel() = default;  // never deleted through this type
};

}  // namespace antler::control
