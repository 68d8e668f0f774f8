// One CSR, read and written by its type; on the host the same names are backed by a fake register file.
#pragma once

#include <type_traits>

#include "base/types.hpp"

namespace antler::hart {

#if !defined(__riscv)
[[nodiscard]] u64& fake_csr(u16 number);  // tests/fake/hart.cpp
#endif

// `Register` is u64 or a type of isa/ with a member `raw`.
template <class Register, u16 Number>
struct Csr {
    using type = Register;
    static constexpr u16 number = Number;

    [[nodiscard]] static Register read() {
#if defined(__riscv)
        u64 raw;
        asm volatile("csrr %0, %1" : "=r"(raw) : "i"(Number) : "memory");
        return from(raw);
#else
        return from(fake_csr(Number));
#endif
    }
    // For moves between a CSR and a saved copy, where the meaning does not matter.
    [[nodiscard]] static u64 read_raw() {
#if defined(__riscv)
        u64 raw;
        asm volatile("csrr %0, %1" : "=r"(raw) : "i"(Number) : "memory");
        return raw;
#else
        return to(read());
#endif
    }
    static void write_raw(u64 raw) {
#if defined(__riscv)
        asm volatile("csrw %0, %1" ::"i"(Number), "rK"(raw) : "memory");
#else
        write(from(raw));
#endif
    }

    static void write(Register value) {
#if defined(__riscv)
        asm volatile("csrw %0, %1" ::"i"(Number), "rK"(to(value)) : "memory");
#else
        fake_csr(Number) = to(value);
#endif
    }
    [[nodiscard]] static Register swap(Register value) {
#if defined(__riscv)
        u64 raw;
        asm volatile("csrrw %0, %1, %2" : "=r"(raw) : "i"(Number), "rK"(to(value)) : "memory");
        return from(raw);
#else
        auto const before = fake_csr(Number);
        fake_csr(Number) = to(value);
        return from(before);
#endif
    }
    static void set_bits(u64 bits) {
#if defined(__riscv)
        asm volatile("csrs %0, %1" ::"i"(Number), "rK"(bits) : "memory");
#else
        fake_csr(Number) |= bits;
#endif
    }
    static void clear_bits(u64 bits) {
#if defined(__riscv)
        asm volatile("csrc %0, %1" ::"i"(Number), "rK"(bits) : "memory");
#else
        fake_csr(Number) &= ~bits;
#endif
    }

private:
    static constexpr Register from(u64 raw) {
        if constexpr (std::is_same_v<Register, u64>) {
            return raw;
        } else {
            return Register{static_cast<decltype(Register::raw)>(raw)};
        }
    }
    static constexpr u64 to(Register value) {
        if constexpr (std::is_same_v<Register, u64>) {
            return value;
        } else {
            return value.raw;
        }
    }
};

}  // namespace antler::hart
