// Reads what the hart wrote about a trap, before anything can overwrite it.
#pragma once

#include "hart/csr.hpp"
#include "hart/registers.hpp"
#include "isa/exit.hpp"

namespace antler::hart {

[[nodiscard]] inline isa::TrapCsrs read_trap(GuestRegisters const& registers) {
    return {.scause = csr::scause::read_raw(),
            .stval = csr::stval::read(),
            .htval = csr::htval::read(),
            .htinst = csr::htinst::read(),
            .sepc = registers.pc,
            .hstatus = {registers.hstatus}};
}

}  // namespace antler::hart
