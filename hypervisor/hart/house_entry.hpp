// A hart's own addresses begin to be translated.
#pragma once

#include "hart/csr.hpp"
#include "hart/fence.hpp"

namespace antler::hart {

// Where the house is mapped as memory is, so the next instruction is there.  The tables were written before,
// and whoever had the hart may have left translations; while satp says Bare no others come, so nothing is to
// be fenced afterwards.   [norm:satp_op_sfence_vma]
inline void enter_house(isa::Satp house) {
    sfence_vma_all(FenceSite::house_entered);
    csr::satp::write(house);
}

}  // namespace antler::hart
