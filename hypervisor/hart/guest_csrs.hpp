// The CSRs that only matter to a guest: they stay in the hart until another vCPU runs there.
#pragma once

#include "base/types.hpp"

namespace antler::hart {

// Which of them this hart has.
struct CsrSet {
    bool henvcfg = false;
    bool sstc = false;
    bool stateen = false;
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

    // What the hypervisor grants; the guest cannot change these.
    u64 henvcfg = 0;
    u64 htimedelta = 0;
    u64 hstateen0 = 0;
    u64 hcounteren = 0;
};

// Comes after hgatp was written with vsatp zero: another order could cache one guest's translations under the
// other's VMID.   [norm:hgatp_op_hfence_gvma]
void load_guest_csrs(GuestCsrs const& csrs, CsrSet has);
void save_guest_csrs(GuestCsrs& csrs, CsrSet has);

}  // namespace antler::hart
