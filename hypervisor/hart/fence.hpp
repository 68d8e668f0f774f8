// Fences, each with the name of its place, and the few instructions that are not CSR accesses; on the host
// the fake hart records them.
#pragma once

#include "base/address.hpp"
#include "base/fence_site.hpp"
#include "base/types.hpp"

namespace antler::hart {

#if defined(__riscv)

// Stage-2 translations.  The address operand is the GPA shifted right by two.
// [norm:hfence-vvma_hfence-gvma_op]
inline void hfence_gvma_all(FenceSite) {
    asm volatile(".insn r 0x73, 0, 0x31, x0, x0, x0" ::: "memory");
}
inline void hfence_gvma_vmid(FenceSite, u64 vmid) {
    asm volatile(".insn r 0x73, 0, 0x31, x0, x0, %0" ::"r"(vmid) : "memory");
}
inline void hfence_gvma(FenceSite, Gpa at, u64 vmid) {
    asm volatile(".insn r 0x73, 0, 0x31, x0, %0, %1" ::"r"(at.raw() >> 2), "r"(vmid) : "memory");
}

// VS-stage translations of the VMID that hgatp holds.   [norm:hfence-vvma_hfence-gvma_op]
inline void hfence_vvma_all(FenceSite) {
    asm volatile(".insn r 0x73, 0, 0x11, x0, x0, x0" ::: "memory");
}
inline void hfence_vvma(FenceSite, Gva at) {
    asm volatile(".insn r 0x73, 0, 0x11, x0, %0, x0" ::"r"(at.raw()) : "memory");
}
inline void hfence_vvma_asid(FenceSite, u64 asid) {
    asm volatile(".insn r 0x73, 0, 0x11, x0, x0, %0" ::"r"(asid) : "memory");
}
inline void hfence_vvma(FenceSite, Gva at, u64 asid) {
    asm volatile(".insn r 0x73, 0, 0x11, x0, %0, %1" ::"r"(at.raw()), "r"(asid) : "memory");
}

// The hypervisor's own translations.
inline void sfence_vma_all(FenceSite) {
    asm volatile("sfence.vma" ::: "memory");
}
inline void sfence_vma(FenceSite, u64 at) {
    asm volatile("sfence.vma %0" ::"r"(at) : "memory");
}

inline void fence_i(FenceSite) {
    asm volatile("fence.i" ::: "memory");
}
// Orders device accesses with everything else.
inline void fence_io() {
    asm volatile("fence iorw, iorw" ::: "memory");
}
// Others' turn, where one waits for them.
inline void pause() {
    asm volatile(".insn i 0x0f, 0, x0, x0, 0x10" ::: "memory");
}
inline void wait_for_interrupt() {
    asm volatile("wfi" ::: "memory");
}
[[nodiscard]] inline u64 time() {
    u64 now;
    asm volatile("rdtime %0" : "=r"(now)::"memory");
    return now;
}

// cbo.zero over whole cache blocks of this size; `bytes` is a multiple of sixteen of them.  The instruction
// has no offset, so a block costs two: the store and the address.   [norm:cbo-zero_op]
inline void zero_blocks(void* at, u64 bytes, u64 block) {
    auto* next = static_cast<u8*>(at);
    for (auto* const end = next + bytes; next != end;) {
#pragma clang loop unroll(full)
        for (int i = 0; i < 16; ++i) {
            asm volatile(".insn i 0x0f, 2, x0, %0, 4" ::"r"(next) : "memory");
            next += block;
        }
    }
}

#else

void zero_blocks(void* at, u64 bytes, u64 block);
void hfence_gvma_all(FenceSite site);
void hfence_gvma_vmid(FenceSite site, u64 vmid);
void hfence_gvma(FenceSite site, Gpa at, u64 vmid);
void hfence_vvma_all(FenceSite site);
void hfence_vvma(FenceSite site, Gva at);
void hfence_vvma_asid(FenceSite site, u64 asid);
void hfence_vvma(FenceSite site, Gva at, u64 asid);
void sfence_vma_all(FenceSite site);
void sfence_vma(FenceSite site, u64 at);
void fence_i(FenceSite site);
void fence_io();
void wait_for_interrupt();
void pause();
[[nodiscard]] u64 time();

#endif

}  // namespace antler::hart
