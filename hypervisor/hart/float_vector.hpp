// A guest's floating-point and vector registers in memory, saved only when dirty.
#pragma once

#include <array>

#include "base/address.hpp"

namespace antler::hart {

struct FloatRegisters {
    std::array<u64, 33> f{};  // f0 to f31, fcsr
};

struct VectorState {
    u8* registers =
        nullptr;  // 32 registers of vlenb bytes; none: the hart has no V or the guest does not see it
    std::array<u64, 5> state{};  // vstart, vtype, vl, vcsr, vlenb
};

// sstatus.FS and sstatus.VS.   [norm:vsstatus_fs_op]
enum class UnitState : u8 { off, initial, clean, dirty };

#if defined(__riscv)
extern "C" {
void antler_save_float(u64* registers);
void antler_load_float(u64 const* registers);
void antler_save_vector(u8* registers, u64* state);
void antler_load_vector(u8 const* registers, u64 const* state);
void antler_zero_by_vector(void* at, u64 bytes, void* room);
u64 antler_vector_bytes();
}
#endif

// The unit must be on in the live sstatus.
void save(FloatRegisters& registers);
void load(FloatRegisters const& registers);
void save(VectorState& vector);
void load(VectorState const& vector);
[[nodiscard]] u64 vector_register_bytes();

// Whole pages are zeroed with stores of eight registers, which are kept, sixteen each turn: not where
// registers are so wide that a page is no multiple of that.
inline constexpr u64 registers_each_turn = 128;
[[nodiscard]] constexpr bool can_zero_pages(u64 register_bytes) {
    return register_bytes != 0 && page_bytes % (registers_each_turn * register_bytes) == 0;
}
#if defined(__riscv)
inline void zero_pages(void* at, u64 bytes) {
    std::array<u8, 8 * page_bytes / registers_each_turn> room;
    antler_zero_by_vector(at, bytes, room.data());
}
#endif

}  // namespace antler::hart
