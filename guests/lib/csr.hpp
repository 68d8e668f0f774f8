// Control and status registers by number, and the few instructions around them.
#pragma once

#include "base/types.hpp"
#include "isa/csr_numbers.hpp"

namespace antler::guests {

template <u16 Number>
struct Csr {
    static constexpr u16 number = Number;
    [[nodiscard]] static u64 read() {
        u64 value;
        asm volatile("csrr %0, %1" : "=r"(value) : "i"(Number) : "memory");
        return value;
    }
    static void write(u64 value) { asm volatile("csrw %0, %1" ::"i"(Number), "rK"(value) : "memory"); }
    static void set(u64 bits) { asm volatile("csrs %0, %1" ::"i"(Number), "rK"(bits) : "memory"); }
    static void clear(u64 bits) { asm volatile("csrc %0, %1" ::"i"(Number), "rK"(bits) : "memory"); }
    static u64 swap(u64 value) {
        u64 old;
        asm volatile("csrrw %0, %1, %2" : "=r"(old) : "i"(Number), "rK"(value) : "memory");
        return old;
    }
};

namespace csr {
namespace number = isa::csr_number;
using vstart = Csr<number::vstart>;
using sstatus = Csr<number::sstatus>;
using sie = Csr<number::sie>;
using stvec = Csr<number::stvec>;
using scounteren = Csr<number::scounteren>;
using senvcfg = Csr<number::senvcfg>;
using sscratch = Csr<number::sscratch>;
using sepc = Csr<number::sepc>;
using scause = Csr<number::scause>;
using stval = Csr<number::stval>;
using sip = Csr<number::sip>;
using stimecmp = Csr<number::stimecmp>;
using satp = Csr<number::satp>;
using time = Csr<number::time>;
using cycle = Csr<number::cycle>;
using instret = Csr<number::instret>;
}  // namespace csr

namespace sstatus_bit {
inline constexpr u64 sie = 1 << 1, spie = 1 << 5, spp = 1 << 8, sum = 1 << 18, mxr = 1 << 19;
inline constexpr u64 vs = 3 << 9, vs_initial = 1 << 9, fs = 3 << 13, fs_initial = 1 << 13;
}  // namespace sstatus_bit

namespace irq {
inline constexpr u64 software = 1, timer = 5, external = 9;
inline constexpr u64 bit(u64 code) {
    return u64{1} << code;
}
}  // namespace irq

[[nodiscard]] inline u64 now() {
    return csr::time::read();
}
inline void wait_for_interrupt() {
    asm volatile("wfi" ::: "memory");
}
inline void sfence_vma() {
    asm volatile("sfence.vma" ::: "memory");
}
inline void sfence_vma(u64 address) {
    asm volatile("sfence.vma %0" ::"r"(address) : "memory");
}
inline void fence_i() {
    asm volatile("fence.i" ::: "memory");
}
inline void pause() {
    asm volatile(".insn 0x0100000f" ::: "memory");
}

inline void interrupts_on() {
    csr::sstatus::set(sstatus_bit::sie);
}
inline void interrupts_off() {
    csr::sstatus::clear(sstatus_bit::sie);
}

}  // namespace antler::guests
