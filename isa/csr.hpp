// Every control and status register the hypervisor touches, as a type with its legal fields.
//
// A register is `struct { Raw raw; }` with its fields as nested types: Hgatp::vmid::get(hgatp.raw), or
// get<Hgatp::vmid>(hgatp) and with<Hgatp::vmid>(hgatp, 3).  Where the layout depends on the width the
// template is HgatpOf<Xlen> and Hgatp is the native one.
#pragma once

#include "isa/cause.hpp"            // IWYU pragma: export
#include "isa/csr_environment.hpp"  // IWYU pragma: export
#include "isa/csr_interrupts.hpp"   // IWYU pragma: export
#include "isa/csr_numbers.hpp"      // IWYU pragma: export
#include "isa/csr_status.hpp"       // IWYU pragma: export
#include "isa/csr_translation.hpp"  // IWYU pragma: export
#include "isa/csr_trap.hpp"         // IWYU pragma: export
#include "isa/imsic.hpp"            // IWYU pragma: export
