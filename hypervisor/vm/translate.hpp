// Finds by software what a hart did not say: the guest-physical address behind a fault.
#pragma once

#include <optional>

#include "isa/exit.hpp"
#include "isa/walk.hpp"
#include "vm/vcpu.hpp"

namespace antler::vm {

// Walks the guest's own tables as they are now.  None: they do not lead there any more, so the guest tries
// again and gets its own page fault.
[[nodiscard]] std::optional<isa::GuestPageFault> find_fault(Vcpu& vcpu, isa::GuestPageFault const& fault);

// The first stage only, for reports: where the guest's tables lead.
[[nodiscard]] isa::Walk walk_guest_tables(Vcpu& vcpu, Gva at, isa::Access access);

}  // namespace antler::vm
