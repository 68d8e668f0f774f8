// The C++ names of the assembly that moves F, D and V registers.
#include "hart/float_vector.hpp"

#include "base/address.hpp"

#if defined(__riscv)

namespace antler::hart {

void save(FloatRegisters& registers) {
    antler_save_float(registers.f.data());
}
void load(FloatRegisters const& registers) {
    antler_load_float(registers.f.data());
}
void save(VectorState& vector) {
    antler_save_vector(vector.registers, vector.state.data());
}
void load(VectorState const& vector) {
    antler_load_vector(vector.registers, vector.state.data());
}
u64 vector_register_bytes() {
    return antler_vector_bytes();
}

}  // namespace antler::hart

#endif
