// What virtual machines ask of the board: boot/ answers on the machine, tests/fake/ in the tests.
#pragma once

#include <span>
#include <string_view>

#include "base/types.hpp"
#include "base/units.hpp"
#include "device/virtio/console_size.hpp"

namespace antler::vm {

class Vm;

// Makes the hart with this index look into its inbox.
void send_ipi(u32 hart_index);

// When this hart wants its next timer interrupt, in host time; the largest value means never.
void set_host_timer(Ticks when);

// What a console of the VM says: 0 is its serial port and the SBI debug console, 1 and up its virtio ports.
void console_write(Vm const& vm, std::string_view text, u32 console = 0);
// What was typed at it, as much as fits; Machine::console_input_waits() says when there is something.
[[nodiscard]] usize console_read(Vm const& vm, u32 console, std::span<u8> into);
// How large the terminal behind it is.
[[nodiscard]] device::virtio::ConsoleSize console_size(Vm const& vm, u32 console);
// Something has happened to a stream between a VM and the host.
void streams_have_news();
// The serial port takes input again.
void console_has_room(Vm const& vm);

// Nanoseconds since 1970, as the board knows them.
[[nodiscard]] Nanos wall_clock();

// The board's external interrupt, on the hart that takes it.  True: another hart called this one.
bool serve_external_interrupt();

// Looks at a console that cannot interrupt.
void poll_console();

// Work of the whole machine, a bounded piece of it, by the hart that was asked (Core::ask_background),
// between two turns of its guests.  Returns when it should be called again, in host time.
[[nodiscard]] u64 serve_background();

// Looks whether the next hart still serves interrupts; returns when to look again, in host time.
[[nodiscard]] u64 watch_neighbour(u64 now);

// A panic elsewhere stops this hart; does not return then.
void stop_if_panicking();

// This virtual machine will not run again.
void machine_went_away(Vm const& vm);

// Bytes that nobody can guess; false: the board has no source of them.
bool random_bytes(std::span<u8> into);

// One line of the hypervisor's own.
void announce(Vm const& vm, std::string_view text);

}  // namespace antler::vm
