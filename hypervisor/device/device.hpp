// What every emulated device is: a name, and registers that are read and written by offset and width.
#pragma once

#include <span>
#include <string_view>

#include "base/result.hpp"
#include "base/types.hpp"

namespace antler::device {

using Offset = u32;  // from the start of the device's region

enum class Width : u8 { byte = 1, half = 2, word = 4, doubleword = 8 };

// A device is not called by two harts at a time: whoever owns it owns its lock.
class Device {
public:
    [[nodiscard]] virtual std::string_view name() const = 0;
    // An error is an access that this device does not answer; the guest gets its access fault.
    [[nodiscard]] virtual Result<u64> read(Offset, Width) = 0;
    [[nodiscard]] virtual Result<void> write(Offset, Width, u64) = 0;

protected:
    ~Device() = default;  // never deleted through this type
};

// Enumerates a device's state for snapshot and migration: device.visit(state) calls state(name, field) for
// each field, in a fixed order.  State that is not visited does not exist.  A visitor may change the fields;
// then device.restored() makes them consistent, whatever they hold, and sets the device's lines.
template <class V>
concept StateVisitor =
    requires(V& state, std::string_view name, u8& a, u16& b, u32& c, u64& d, bool& e, std::span<u8> f) {
        state(name, a);
        state(name, b);
        state(name, c);
        state(name, d);
        state(name, e);
        state(name, f);
    };

}  // namespace antler::device
