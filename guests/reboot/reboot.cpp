// Reboots for ever: whoever runs it counts the lives.  A reset keeps memory, as on a board, so it counts,
// too.
#include "guests/lib/device_tree.hpp"

namespace antler::guests {

void run() {
    constexpr u64 mark = 0x616e'746c'6572;
    auto const at = take_pages(1, 2 << 20);
    auto const before = load<u64>(at);
    auto const life = before >> 48 == 0 && before != 0 ? 0 : before >> 48;
    bool const again = (before & 0xffff'ffff'ffff) == mark;
    say("reboot: alive, memory {}", again ? "used" : "fresh");
    if (again) say("reboot: life {}", life);
    if (told("stop")) return;
    store<u64>(at, (life + 1) << 48 | mark);
    auto const type = told("warm") ? sbi::ResetType::warm_reboot : sbi::ResetType::cold_reboot;
    if (told("syscon")) {
        store<u32>(0x10'0000, 0x7777);  // the test device's word for a reset
    } else {
        sbi::reset(type, sbi::ResetReason::none);
    }
    give_up("reset returned");
}

}  // namespace antler::guests
