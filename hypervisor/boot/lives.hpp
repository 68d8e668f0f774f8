// Virtual machines while the board runs: made, started, ended and given back, as an operator asks for it.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "abi/control.hpp"
#include "base/result.hpp"
#include "control/operations.hpp"
#include "vm/description.hpp"
#include "vm/vm.hpp"

namespace antler::boot {

struct System;

// A pack on its way.
struct Transfer {
    HpaRange pages{};
    u64 bytes = 0;
    u64 received = 0;
    u32 lot = 0;  // whose they will be
    bool defined = false;
};

// All of these are called on the boot hart, between two turns of its guests (serve_background).  None waits:
// what is not done yet says `again`, and wants the same call a little later, while everybody else runs on.

// start, shutdown, destroy, reboot, suspend, resume, undefine, power_button; `id` is the place in
// System::vms.
[[nodiscard]] control::Outcome act(System& all, abi::control::Type what, u32 id);
// How much memory the guest should have, by its balloon.
[[nodiscard]] control::Outcome set_memory(System& all, u32 id, u64 bytes);

// A new VM from a pack that comes in pieces, in order.  Nothing is half done: what is refused, or given up,
// has given everything back.
[[nodiscard]] control::Outcome create_begin(System& all, u64 pack_bytes);
[[nodiscard]] control::Outcome create_data(System& all, u64 offset, std::span<u8 const> bytes);
[[nodiscard]] control::Outcome create_commit(System& all, bool start, u32& id);
void create_abort(System& all);

// The place of a VM in the list, whether it runs or is only defined.
[[nodiscard]] std::optional<u32> find_vm(System const& all, std::string_view name);
// The first defined VM from this place on.
[[nodiscard]] std::optional<u32> next_vm(System const& all, u32 from);
// What is known of it; false where there is none.  Counters of what it does are the caller's to add.
[[nodiscard]] bool fill_vm_info(System& all, u32 id, abi::control::VmInfo& into);
// None while it is off.
[[nodiscard]] vm::Vm* running_vm(System& all, u32 id);

// Work on VMs that die by themselves, in bounded steps; false: there is none.
[[nodiscard]] bool serve_lives(System& all);

}  // namespace antler::boot
