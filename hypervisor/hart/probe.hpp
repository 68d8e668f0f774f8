// What this hart can do, found by asking its CSRs once.
#pragma once

#include "isa/features.hpp"

namespace antler::hart {

// Adds what the CSRs tell to `told`, which holds what the device tree says, and takes away what they deny.
[[nodiscard]] isa::Features probe(isa::Features told);

// The entropy source, where firmware has opened it to us: up to `count` times sixteen bits.
// [norm:zkr_seed_addr]
[[nodiscard]] u32 read_seed(u16* into, u32 count);

}  // namespace antler::hart
