// Any accesses to the serial port, with bytes coming and a sink that may be full: its line tells the truth.
#include "device/uart16550.hpp"

#include <cstdlib>

using namespace antler;
using namespace antler::device;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

struct Wire {
    bool* level;
    void set(bool to) {
        require(*level != to);  // it is told of changes only
        *level = to;
    }
};
struct Sink {
    bool* takes;
    bool transmit(u8) { return *takes; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    bool level = false;
    bool takes = true;
    Uart16550 uart{Wire{&level}, Sink{&takes}};
    bool loopback = false;
    for (usize i = 0; i + 2 <= size; i += 2) {
        auto const operation = data[i];
        auto const value = data[i + 1];
        auto const offset = Offset{operation & 7u};
        switch (operation >> 4) {
            case 0:
            case 1:
            case 2:
            case 3:
            case 4: require(uart.write(offset, Width::byte, value).ok()); break;
            case 10: require(!uart.read(8u + value, Width::byte)); break;
            case 11: require(!uart.write(8u + value, Width::byte, 0)); break;
            case 12:
                takes = !takes;
                if (takes) uart.drain();
                break;
            case 13:
            case 14: uart.receive(value); break;
            case 15: {
                auto const room = uart.room();
                require(room <= 16);
                for (u32 n = 0; n < room; ++n) uart.receive(value);
                require(uart.room() == 0);
                break;
            }
            default: {
                auto const read = uart.read(offset, Width::byte);
                require(read.ok() && read.value() <= 0xff);
            }
        }
        if (offset == 4 && operation >> 4 <= 4) loopback = (value & 0x10) != 0;
        require(!loopback || uart.room() == 0);
        require(!takes || !uart.draining());
    }
    // With the interrupts off the line is low; and a sink that takes leaves nothing behind.
    require(uart.write(3, Width::byte, 0).ok());
    require(uart.write(1, Width::byte, 0).ok());
    require(!level);
    require((uart.read(2, Width::byte).value() & 0x0f) == 1);
    takes = true;
    uart.drain();
    require((uart.read(5, Width::byte).value() & 0x60) == 0x60);
    return 0;
}
