// Loads and stores as the guest would make them (hlv, hlvx, hsv) and copies through windows; a fault is an
// answer.
#pragma once

#include <optional>

#include "base/address.hpp"
#include "base/types.hpp"

namespace antler::hart {

// Call these only after the trap's CSRs were read: a fault overwrites scause, stval, htval, htinst and
// hstatus. The privilege is hstatus.SPVP, which the trap has set.   [norm:hlsv_mode]
[[nodiscard]] std::optional<u64> load_guest(Gva at, u8 width);
[[nodiscard]] bool store_guest(Gva at, u8 width, u64 value);

// Sixteen bits of an instruction, read with execute permission.   [norm:hlsv_u_op]
[[nodiscard]] std::optional<u16> fetch_guest(Gva at);

// How many bytes were not copied.  One side is a window, so a fault ends the copy.
[[nodiscard]] u64 copy_guarded(void* to, void const* from, u64 bytes);

}  // namespace antler::hart
