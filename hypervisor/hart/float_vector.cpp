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
bool zero_by_vector(void* at, u64 bytes, u64 register_bytes) {
    constexpr u64 registers_each_turn = 128;
    std::array<u8, 8 * page_bytes / registers_each_turn> room;
    if (register_bytes == 0 || bytes % page_bytes != 0 ||
        page_bytes % (registers_each_turn * register_bytes) != 0)
        return false;
    antler_zero_by_vector(at, bytes, room.data());
    return true;
}

u64 vector_register_bytes() {
    return antler_vector_bytes();
}

}  // namespace antler::hart

#endif
