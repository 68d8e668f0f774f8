// Gives memory its owners at start: the house its pages, every hart its stack and root, every VM its RAM.
#pragma once

#include "base/address.hpp"
#include "base/result.hpp"
#include "boot/system.hpp"
#include "vm/description.hpp"

namespace antler::boot {

// Takes the board's RAM into the frame table and turns this hart's address translation on.
[[nodiscard]] Result<void> open_memory(System& all, HpaRange device_tree);

[[nodiscard]] u64 memory_bytes(System const& all);

// A core for another hart, with a stack above a guard page, a fault stack and a root of its own.
[[nodiscard]] Result<void> new_core(System& all, u64 hart_id);

}  // namespace antler::boot
