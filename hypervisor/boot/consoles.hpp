// The consoles of all VMs and the hypervisor's log: kept in rings, said at the board's port, typed at by it.
#pragma once

#include <array>

#include "base/ring.hpp"
#include "boot/console.hpp"
#include "control/operations.hpp"
#include "vm/vm.hpp"

namespace antler::boot {

struct System;

// What is read from the board's port and not yet typed.  Three of these keys give the next VM the input.
struct PortInput {
    static constexpr char next_owner = 1;  // Ctrl-A
    u32 next_owner_keys = 0;
    // So much is read ahead of a guest that takes nothing, lest the keys stay behind it.
    Ring<char, 4'096> held{};
};

// Consoles with their scroll-back in `memory`, as many as console_bytes() says; `id` is the VM's place in the
// list of VMs.  The first console of all is at the port.
[[nodiscard]] std::span<backend::Console> open_consoles(System& all, std::string_view vm,
                                                        std::span<u8> memory, u32 id);
void close_consoles(System& all, std::span<backend::Console> consoles);
// What `count` consoles take.
[[nodiscard]] constexpr u64 console_bytes(u32 count) {
    return count * u64{8'192};
}
void open_log(System& all);

// A line of the hypervisor's own, kept in the log, and said unless the log is quiet.
void say_line(System& all, std::string_view line);

// Says at the board's port what waits for it, reads it, and hands out what was typed, as much as anybody
// takes.
void read_port();
// Gives the VM's serial port what was typed at it.
void feed_serial(vm::Vm& vm);
// Scroll-back of another size, charged to the VM.
[[nodiscard]] control::Outcome resize_console(System& all, u32 handle, u32 bytes);
// Something was typed at this console.
void input_waits(u32 handle);
// The terminal where it is shown has another size.
void window_changed(u32 handle);

}  // namespace antler::boot
