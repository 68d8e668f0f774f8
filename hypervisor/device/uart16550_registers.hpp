// The register bits of the 16550A serial port.
#pragma once

#include "base/types.hpp"

namespace antler::device::uart {

inline constexpr u32 registers = 8;

// By offset.  With LCR.DLAB set, 0 and 1 are the divisor.
enum class Register : u8 {
    data = 0,              // read: receiver buffer; write: transmitter holding
    interrupt_enable = 1,  // IER
    identification = 2,    // read: IIR; write: FCR
    line_control = 3,      // LCR
    modem_control = 4,     // MCR
    line_status = 5,       // LSR
    modem_status = 6,      // MSR
    scratch = 7,
};

namespace ier {
inline constexpr u8 received_data = 0x01;
inline constexpr u8 transmitter_empty = 0x02;
inline constexpr u8 line_status = 0x04;
inline constexpr u8 modem_status = 0x08;
inline constexpr u8 all = 0x0f;
}  // namespace ier

// Bit 0 clear means pending.
namespace iir {
inline constexpr u8 modem_status = 0x00;
inline constexpr u8 none = 0x01;
inline constexpr u8 transmitter_empty = 0x02;
inline constexpr u8 received_data = 0x04;
inline constexpr u8 line_status = 0x06;
inline constexpr u8 timeout = 0x0c;
inline constexpr u8 fifos_enabled = 0xc0;
}  // namespace iir

namespace fcr {
inline constexpr u8 enable = 0x01;
inline constexpr u8 clear_receiver = 0x02;
inline constexpr u8 clear_transmitter = 0x04;
inline constexpr u8 kept = 0xc9;  // enable, DMA mode, trigger level; the clear bits clear themselves
}  // namespace fcr

namespace lcr {
inline constexpr u8 divisor_latch = 0x80;
}

namespace mcr {
inline constexpr u8 dtr = 0x01;
inline constexpr u8 rts = 0x02;
inline constexpr u8 out1 = 0x04;
inline constexpr u8 out2 = 0x08;
inline constexpr u8 loopback = 0x10;
inline constexpr u8 all = 0x1f;
}  // namespace mcr

namespace lsr {
inline constexpr u8 data_ready = 0x01;
inline constexpr u8 overrun = 0x02;
inline constexpr u8 parity = 0x04;
inline constexpr u8 framing = 0x08;
inline constexpr u8 break_seen = 0x10;
inline constexpr u8 errors = 0x1e;
inline constexpr u8 holding_empty = 0x20;
inline constexpr u8 transmitter_idle = 0x40;
}  // namespace lsr

namespace msr {
inline constexpr u8 delta_cts = 0x01;
inline constexpr u8 delta_dsr = 0x02;
inline constexpr u8 trailing_ri = 0x04;
inline constexpr u8 delta_dcd = 0x08;
inline constexpr u8 deltas = 0x0f;
inline constexpr u8 cts = 0x10;
inline constexpr u8 dsr = 0x20;
inline constexpr u8 ri = 0x40;
inline constexpr u8 dcd = 0x80;
}  // namespace msr

}  // namespace antler::device::uart
