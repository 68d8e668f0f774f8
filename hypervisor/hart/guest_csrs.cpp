// The world switch's CSR half.
#include "hart/guest_csrs.hpp"

#include "hart/csr.hpp"

namespace antler::hart {

void load_guest_csrs(GuestCsrs const& csrs, CsrSet has) {
    csr::vsatp::write_raw(0);
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

void save_guest_csrs(GuestCsrs& csrs, CsrSet has) {
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
