// This hart's own interrupt file: what only the hart itself can reach of its IMSIC.
#pragma once

#include "isa/imsic.hpp"

#if defined(__riscv)
#include "hart/csr.hpp"
#endif

namespace antler::hart {

// None of them may be called where there is no file for the supervisor.
#if defined(__riscv)

[[nodiscard]] inline u64 read_own_file(u16 select) {
    csr::siselect::write({select});
    return csr::sireg::read();
}
inline void write_own_file(u16 select, u64 value) {
    csr::siselect::write({select});
    csr::sireg::write(value);
}
// Takes the identity that is next, zero for none.  One instruction, or a more urgent one that comes between
// its two halves would be lost.                                                                [aia IMSIC 9]
[[nodiscard]] inline u16 claim_from_own_file() {
    return isa::get<isa::Stopei::identity>(csr::stopei::swap({}));
}

#else

[[nodiscard]] u64 read_own_file(u16 select);  // tests/fake/hart.cpp
void write_own_file(u16 select, u64 value);
[[nodiscard]] u16 claim_from_own_file();

#endif

}  // namespace antler::hart
