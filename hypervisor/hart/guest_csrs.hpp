// The CSRs that only matter to a guest: they stay in the hart until another vCPU runs there.
#pragma once

#include "hart/csr.hpp"

namespace antler::hart {

// Which of them this hart has.
struct CsrSet {
    bool henvcfg : 1 = false;
    bool sstc : 1 = false;
    bool stateen : 1 = false;

    [[nodiscard]] constexpr bool all() const { return henvcfg && sstc && stateen; }
};

struct GuestCsrs {
    u64 vsstatus = 0;
    u64 vsie = 0;
    u64 hvip = 0;
    u64 vstvec = 0;
    u64 vsscratch = 0;
    u64 vsepc = 0;
    u64 vscause = 0;
    u64 vstval = 0;
    u64 vsatp = 0;
    u64 vstimecmp = ~u64{0};
    u64 scounteren = 0;
    u64 senvcfg = 0;
    u64 sstateen0 = 0;
    u64 vsiselect = 0;  // of a guest with AIA; Core moves it

    // What the hypervisor grants; the guest cannot change these.
    u64 henvcfg = 0;
    u64 htimedelta = 0;
    u64 hstateen0 = 0;
    u64 hcounteren = 0;
};

// Comes after hgatp was written with vsatp zero, which it still is: another order could cache one guest's
// translations under the other's VMID.   [norm:hgatp_op_hfence_gvma]
[[gnu::always_inline]] inline void load_guest_csrs(GuestCsrs const& csrs, CsrSet has) {
    if (has.henvcfg) csr::henvcfg::write_raw(csrs.henvcfg);
    csr::vsatp::write_raw(csrs.vsatp);

    csr::vsstatus::write_raw(csrs.vsstatus);
    csr::vsie::write_raw(csrs.vsie);
    csr::hvip::write_raw(csrs.hvip);
    csr::vstvec::write_raw(csrs.vstvec);
    csr::vsscratch::write_raw(csrs.vsscratch);
    csr::vsepc::write_raw(csrs.vsepc);
    csr::vscause::write_raw(csrs.vscause);
    csr::vstval::write_raw(csrs.vstval);
    csr::htimedelta::write_raw(csrs.htimedelta);
    csr::hcounteren::write_raw(csrs.hcounteren);
    csr::scounteren::write_raw(csrs.scounteren);
    if (has.henvcfg) csr::senvcfg::write_raw(csrs.senvcfg);
    if (has.sstc) csr::vstimecmp::write_raw(csrs.vstimecmp);
    if (has.stateen) {
        csr::hstateen0::write_raw(csrs.hstateen0);
        csr::sstateen0::write_raw(csrs.sstateen0);
    }
}

[[gnu::always_inline]] inline void save_guest_csrs(GuestCsrs& csrs, CsrSet has) {
    csrs.vsstatus = csr::vsstatus::read_raw();
    csrs.vsie = csr::vsie::read_raw();
    csrs.hvip = csr::hvip::read_raw();
    csrs.vstvec = csr::vstvec::read_raw();
    csrs.vsscratch = csr::vsscratch::read_raw();
    csrs.vsepc = csr::vsepc::read_raw();
    csrs.vscause = csr::vscause::read_raw();
    csrs.vstval = csr::vstval::read_raw();
    csrs.vsatp = csr::vsatp::read_raw();
    csrs.scounteren = csr::scounteren::read_raw();
    if (has.henvcfg) csrs.senvcfg = csr::senvcfg::read_raw();
    if (has.sstc) csrs.vstimecmp = csr::vstimecmp::read_raw();
    if (has.stateen) csrs.sstateen0 = csr::sstateen0::read_raw();
}

}  // namespace antler::hart
