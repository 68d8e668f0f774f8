// What virtual machines ask of the board: boot/ answers on the machine, tests/fake/ in the tests.
#pragma once

#include <string_view>

#include "base/types.hpp"
#include "base/units.hpp"

namespace antler::vm {

class Vm;

// Makes the hart with this index look into its inbox.
void send_ipi(u32 hart_index);

// When this hart wants its next timer interrupt, in host time; the largest value means never.
void set_host_timer(Ticks when);

// What a VM's console says, and whether the board's console asks to be told when the guest can take input again.
void console_write(Vm const& vm, std::string_view text);
void console_has_room(Vm const& vm);

// One line of the hypervisor's own.
void announce(Vm const& vm, std::string_view text);

}  // namespace antler::vm
