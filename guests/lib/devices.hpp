// The devices of QEMU's virt board that a guest drives: interrupt controllers, 16550, clock.
#pragma once

#include "guests/lib/device_tree.hpp"
#include "guests/lib/guest.hpp"
#include "guests/lib/wires.hpp"

namespace antler::guests {

namespace uart {
inline constexpr u64 base = 0x1000'0000;
inline constexpr u32 source = 10;
inline constexpr u64 data = base, ier = base + 1, iir = base + 2, fcr = base + 2, lcr = base + 3,
                     mcr = base + 4, lsr = base + 5, msr = base + 6, scr = base + 7;
inline constexpr u8 lsr_data = 0x01, lsr_overrun = 0x02, lsr_empty = 0x20, lsr_idle = 0x40;
inline constexpr u8 ier_receive = 0x01, ier_transmit = 0x02;
inline constexpr u8 mcr_loopback = 0x10, mcr_out2 = 0x08;
}  // namespace uart

namespace rtc {
inline constexpr u64 base = 0x10'1000;
inline constexpr u32 source = 11;
inline constexpr u64 time_low = base, time_high = base + 4, alarm_low = base + 8, alarm_high = base + 12,
                     irq_enabled = base + 16, clear_alarm = base + 20, alarm_status = base + 24,
                     clear_interrupt = base + 28;
// Nanoseconds since 1970.  Reading the low half keeps the high one.
[[nodiscard]] inline u64 read() {
    u64 const low = load<u32>(time_low);
    return low | u64{load<u32>(time_high)} << 32;
}
}  // namespace rtc

}  // namespace antler::guests
