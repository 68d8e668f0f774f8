// What virtual machines ask of the board: boot/ answers on the machine, tests/fake/ in the tests.
#pragma once

#include <span>
#include <string_view>

#include "base/types.hpp"
#include "base/units.hpp"

namespace antler::vm {

class Vm;

// Makes the hart with this index look into its inbox.
void send_ipi(u32 hart_index);

// When this hart wants its next timer interrupt, in host time; the largest value means never.
void set_host_timer(Ticks when);

// What a VM's console says, and whether the board's console asks to be told when the guest can take input
// again.
void console_write(Vm const& vm, std::string_view text);
void console_has_room(Vm const& vm);

// Nanoseconds since 1970, as the board knows them.
[[nodiscard]] Nanos wall_clock();

// The board's external interrupt, on the hart that takes it.
void serve_external_interrupt();

// Looks at a console that cannot interrupt.
void poll_console();

// This virtual machine will not run again.
void machine_went_away(Vm const& vm);

// Bytes that nobody can guess; false: the board has no source of them.
bool random_bytes(std::span<u8> into);

// One line of the hypervisor's own.
void announce(Vm const& vm, std::string_view text);

}  // namespace antler::vm
