// What the drivers of the board's devices get: memory that stays, and interrupts.
#pragma once

#include <optional>
#include <span>

#include "base/result.hpp"
#include "base/types.hpp"
#include "platform/board.hpp"
#include "platform/hart_interrupts.hpp"
#include "platform/host_imsic.hpp"
#include "platform/interrupt_table.hpp"

namespace antler::boot {

struct System;

// Zeroed, page-aligned memory of the house, for as long as the machine runs.
[[nodiscard]] Result<std::span<u8>> driver_memory(System& all, u64 bytes);

// From now on the handler hears of this wire, on a hart that the interrupt controller reaches, and the answer
// is true; a device without a wire is asked now and then.  Before the other harts run.
[[nodiscard]] Result<bool> listen_to(System& all, std::optional<platform::BoardWire> wire,
                                     platform::InterruptHandler& handler);

// The same for a wire that a VM has on loan, at any time: on the hart with this index while the others do not
// run yet, else on this one.
[[nodiscard]] Result<platform::HartInterrupts*> listen_for_guest(System& all, platform::BoardWire wire,
                                                                 platform::InterruptHandler& handler,
                                                                 platform::Aftermath how, u32 hart);

// The same for a device that sends messages: which, and where to.  None where no hart has a file.
[[nodiscard]] std::optional<platform::HostImsic::Message> listen_to_messages(
    System& all, platform::InterruptHandler& handler);

// Finds the board's virtio devices, and gives every hart its part of the interrupt controller.
void open_drivers(System& all);

// One line that answers "how do interrupts come here?".
void print_interrupts(System const& all);

// Serves one interrupt of the board's controller on this hart.  True: another hart calls this one.
bool serve_board_interrupt(System& all);

}  // namespace antler::boot
