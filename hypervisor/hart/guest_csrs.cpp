// The world switch's CSR half.
#include "hart/guest_csrs.hpp"

#include "hart/csr.hpp"

namespace antler::hart {

void load_guest_csrs(GuestCsrs const& csrs, CsrSet has) {
    csr::vsatp::write({0});
    csr::hgatp::write({csrs.hgatp});
    if (has.henvcfg) csr::henvcfg::write({csrs.henvcfg});
    csr::vsatp::write({csrs.vsatp});

    csr::vsstatus::write({csrs.vsstatus});
    csr::vsie::write({csrs.vsie});
    csr::hvip::write({csrs.hvip});
    csr::vstvec::write({csrs.vstvec});
    csr::vsscratch::write({csrs.vsscratch});
    csr::vsepc::write({csrs.vsepc});
    csr::vscause::write({csrs.vscause});
    csr::vstval::write({csrs.vstval});
    csr::htimedelta::write({csrs.htimedelta});
    csr::hcounteren::write({csrs.hcounteren});
    csr::scounteren::write({csrs.scounteren});
    if (has.henvcfg) csr::senvcfg::write({csrs.senvcfg});
    if (has.sstc) csr::vstimecmp::write({csrs.vstimecmp});
    if (has.stateen) {
        csr::hstateen0::write({csrs.hstateen0});
        csr::sstateen0::write({csrs.sstateen0});
    }
}

void save_guest_csrs(GuestCsrs& csrs, CsrSet has) {
    csrs.vsstatus = csr::vsstatus::read().raw;
    csrs.vsie = csr::vsie::read().raw;
    csrs.hvip = csr::hvip::read().raw;
    csrs.vstvec = csr::vstvec::read().raw;
    csrs.vsscratch = csr::vsscratch::read().raw;
    csrs.vsepc = csr::vsepc::read().raw;
    csrs.vscause = csr::vscause::read().raw;
    csrs.vstval = csr::vstval::read().raw;
    csrs.vsatp = csr::vsatp::read().raw;
    csrs.scounteren = csr::scounteren::read().raw;
    if (has.henvcfg) csrs.senvcfg = csr::senvcfg::read().raw;
    if (has.sstc) csrs.vstimecmp = csr::vstimecmp::read().raw;
    if (has.stateen) csrs.sstateen0 = csr::sstateen0::read().raw;
}

}  // namespace antler::hart
