// The CSRs of this hart, by the names the manuals give them.
#pragma once

#include "hart/csr_access.hpp"
#include "isa/csr.hpp"

namespace antler::hart::csr {

// The hypervisor's own level.
using sstatus = Csr<isa::Sstatus, 0x100>;
using sie = Csr<isa::Sie, 0x104>;
using stvec = Csr<u64, 0x105>;
using sscratch = Csr<u64, 0x140>;
using sepc = Csr<u64, 0x141>;
using scause = Csr<isa::Scause, 0x142>;
using stval = Csr<u64, 0x143>;
using sip = Csr<isa::Sip, 0x144>;
using stimecmp = Csr<isa::Stimecmp, 0x14d>;
using siselect = Csr<isa::Siselect, 0x150>;
using sireg = Csr<u64, 0x151>;
using stopei = Csr<isa::Stopei, 0x15c>;
using satp = Csr<isa::Satp, 0x180>;

// What guests share with it, and is swapped.
using scounteren = Csr<isa::Scounteren, 0x106>;
using senvcfg = Csr<isa::Senvcfg, 0x10a>;
using sstateen0 = Csr<isa::Sstateen0, 0x10c>;
using fcsr = Csr<u64, 0x003>;
using vstart = Csr<u64, 0x008>;
using vcsr = Csr<u64, 0x00f>;

// What it grants to a guest, and learns from its traps.
using hstatus = Csr<isa::Hstatus, 0x600>;
using hedeleg = Csr<isa::Hedeleg, 0x602>;
using hideleg = Csr<isa::Hideleg, 0x603>;
using hie = Csr<isa::Hie, 0x604>;
using htimedelta = Csr<isa::Htimedelta, 0x605>;
using hcounteren = Csr<isa::Hcounteren, 0x606>;
using hgeie = Csr<isa::Hgeie, 0x607>;
using henvcfg = Csr<isa::Henvcfg, 0x60a>;
using hstateen0 = Csr<isa::Hstateen0, 0x60c>;
using hstateen1 = Csr<isa::Hstateen1, 0x60d>;
using hstateen2 = Csr<isa::Hstateen2, 0x60e>;
using hstateen3 = Csr<isa::Hstateen3, 0x60f>;
using htval = Csr<u64, 0x643>;
using hip = Csr<isa::Hip, 0x644>;
using hvip = Csr<isa::Hvip, 0x645>;
using htinst = Csr<u64, 0x64a>;
using hgatp = Csr<isa::Hgatp, 0x680>;
using hgeip = Csr<isa::Hgeip, 0xe12>;

// Interrupts that it puts before a guest by hand; they stay zero.
using hvien = Csr<isa::Hvien, 0x608>;
using hvictl = Csr<isa::Hvictl, 0x609>;
using hviprio1 = Csr<isa::Hviprio1, 0x646>;
using hviprio2 = Csr<isa::Hviprio2, 0x647>;

// The guest's own level.
using vsstatus = Csr<isa::Vsstatus, 0x200>;
using vsie = Csr<isa::Vsie, 0x204>;
using vstvec = Csr<u64, 0x205>;
using vsscratch = Csr<u64, 0x240>;
using vsepc = Csr<u64, 0x241>;
using vscause = Csr<isa::Vscause, 0x242>;
using vstval = Csr<u64, 0x243>;
using vsip = Csr<isa::Vsip, 0x244>;
using vstimecmp = Csr<isa::Vstimecmp, 0x24d>;
using vsiselect = Csr<isa::Vsiselect, 0x250>;
using vsireg = Csr<u64, 0x251>;
using vsatp = Csr<isa::Vsatp, 0x280>;

}  // namespace antler::hart::csr
