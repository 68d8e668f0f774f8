// The addresses of the control and status registers that the hypervisor touches or a guest may name.
#pragma once

#include "base/types.hpp"

namespace antler::isa::csr_number {

// Bits 11:10 say read-only (3), bits 9:8 the lowest privilege: 0 user, 1 supervisor, 2 hypervisor and VS,
// 3 machine.                                       [norm:Zicsr_rw] [norm:Zicsr_access]
// [norm:Zicsr_higher_priv]
// Numbers that end in h are the upper halves of 64-bit registers, and exist where XLEN is 32.
// [norm:H_illegal_high_half] [norm:H_cause_virtual_instruction_high]
[[nodiscard]] constexpr bool is_read_only(u16 number) {
    return (number >> 10 & 3) == 3;
}
enum class Level : u8 { user, supervisor, hypervisor, machine };
[[nodiscard]] constexpr Level level(u16 number) {
    return static_cast<Level>(number >> 8 & 3);
}

// Unprivileged.
inline constexpr u16 fflags = 0x001, frm = 0x002, fcsr = 0x003;
inline constexpr u16 vstart = 0x008, vxsat = 0x009, vxrm = 0x00a, vcsr = 0x00f;
inline constexpr u16 ssp = 0x011, seed = 0x015, jvt = 0x017;
inline constexpr u16 vl = 0xc20, vtype = 0xc21, vlenb = 0xc22;
inline constexpr u16 cycle = 0xc00, time = 0xc01, instret = 0xc02, hpmcounter3 = 0xc03, hpmcounter31 = 0xc1f;
inline constexpr u16 cycleh = 0xc80, timeh = 0xc81, instreth = 0xc82, hpmcounter3h = 0xc83;
inline constexpr u16 hpmcounter31h = 0xc9f;

// Supervisor: HS-mode reaches its own, VS-mode the VS register of the same name.       [norm:H_vscsrs_sub]
inline constexpr u16 sstatus = 0x100, sie = 0x104, stvec = 0x105, scounteren = 0x106, senvcfg = 0x10a;
inline constexpr u16 sstateen0 = 0x10c, sstateen1 = 0x10d, sstateen2 = 0x10e, sstateen3 = 0x10f;
inline constexpr u16 sieh = 0x114, scountinhibit = 0x120;
inline constexpr u16 sscratch = 0x140, sepc = 0x141, scause = 0x142, stval = 0x143, sip = 0x144;
inline constexpr u16 stimecmp = 0x14d, stimecmph = 0x15d;
inline constexpr u16 siselect = 0x150, sireg = 0x151, sireg2 = 0x152, sireg3 = 0x153, siph = 0x154;
inline constexpr u16 sireg4 = 0x155, sireg5 = 0x156, sireg6 = 0x157, stopei = 0x15c;
inline constexpr u16 satp = 0x180, srmcfg = 0x181, scontext = 0x5a8, scountovf = 0xda0, stopi = 0xdb0;

// Hypervisor.                                                                        [norm:H_csrs_hs_not_vs]
inline constexpr u16 hstatus = 0x600, hedeleg = 0x602, hideleg = 0x603, hie = 0x604, htimedelta = 0x605;
inline constexpr u16 hcounteren = 0x606, hgeie = 0x607, hvien = 0x608, hvictl = 0x609, henvcfg = 0x60a;
inline constexpr u16 hstateen0 = 0x60c, hstateen1 = 0x60d, hstateen2 = 0x60e, hstateen3 = 0x60f;
inline constexpr u16 hedelegh = 0x612, hidelegh = 0x613, htimedeltah = 0x615, hvienh = 0x618,
                     henvcfgh = 0x61a;
inline constexpr u16 hstateen0h = 0x61c, hstateen1h = 0x61d, hstateen2h = 0x61e, hstateen3h = 0x61f;
inline constexpr u16 htval = 0x643, hip = 0x644, hvip = 0x645, hviprio1 = 0x646, hviprio2 = 0x647;
inline constexpr u16 htinst = 0x64a, hviph = 0x655, hviprio1h = 0x656, hviprio2h = 0x657;
inline constexpr u16 hgatp = 0x680, hcontext = 0x6a8, hgeip = 0xe12;

// Virtual supervisor: only HS-mode reaches them by these numbers; V=1 gets a virtual instruction and U-mode
// an illegal one. [norm:H_vscsrs_acc_m_hs] [norm:H_vscsrs_acc_vs] [norm:H_vscsrs_acc_u]
inline constexpr u16 vsstatus = 0x200, vsie = 0x204, vstvec = 0x205, vsieh = 0x214;
inline constexpr u16 vsscratch = 0x240, vsepc = 0x241, vscause = 0x242, vstval = 0x243, vsip = 0x244;
inline constexpr u16 vstimecmp = 0x24d, vsiselect = 0x250, vsireg = 0x251, vsireg2 = 0x252, vsireg3 = 0x253;
inline constexpr u16 vsiph = 0x254, vsireg4 = 0x255, vsireg5 = 0x256, vsireg6 = 0x257, vstopei = 0x25c;
inline constexpr u16 vstimecmph = 0x25d, vsatp = 0x280, vstopi = 0xeb0;

static_assert(is_read_only(hgeip) && is_read_only(time) && !is_read_only(hgatp));
static_assert(level(hgatp) == Level::hypervisor && level(vsatp) == Level::hypervisor);
static_assert(level(satp) == Level::supervisor && level(time) == Level::user);
static_assert(vsatp == satp + 0x100 && vsstatus == sstatus + 0x100 && vstimecmp == stimecmp + 0x100);

}  // namespace antler::isa::csr_number
