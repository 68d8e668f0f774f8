// Whose a frame is, and which of the two pools it lives in.
#pragma once

#include <compare>

#include "base/types.hpp"

namespace antler::memory {

// The house itself, or a virtual machine.
struct OwnerId {
    u16 value{};
    friend constexpr auto operator<=>(OwnerId, OwnerId) = default;
};

inline constexpr OwnerId house_owner{0};
inline constexpr u16 max_owners = 320;  // the house, the virtual machines, and what they share

// House frames are mapped on every hart, guest frames nowhere but in windows.
enum class Pool : u8 { house, guest };

[[nodiscard]] constexpr Pool other(Pool pool) {
    return pool == Pool::house ? Pool::guest : Pool::house;
}

}  // namespace antler::memory
