// What is typed at the board's console goes to the first VM, as fast as its serial port takes it.
#include <array>

#include "boot/system.hpp"

namespace antler::boot {

void feed_console() {
    auto& all = system();
    auto* const vm = all.vms[0];
    if (vm == nullptr || vm->is_over()) return;
    // One hart at a time, so that the characters keep their order.
    all.input.with([&](std::array<char, 16>& bytes) {
        usize count = 0;
        do {
            auto const room = vm->machine().console_room();
            auto const wanted = std::span{bytes}.first(room < bytes.size() ? room : bytes.size());
            // Without room the characters stay in the board's FIFO, which holds the sender back.
            count = all.console.with([&](Console& console) {
                console.listen(!wanted.empty());
                return wanted.empty() ? usize{0} : console.read(wanted);
            });
            vm->machine().console_type({bytes.data(), count});
        } while (count != 0);
    });
}

}  // namespace antler::boot
