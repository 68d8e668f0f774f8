// Setting up the board's APLIC.
#include "platform/host_aplic.hpp"

namespace antler::platform {

namespace aplic = isa::aplic;

bool HostAplic::start(aplic::Delivery how) {
    // After a reset only domaincfg has a known value, and firmware may have left anything.    [aia AdvPLIC 6]
    write(aplic::domaincfg, aplic::Domaincfg{}.raw);
    for (u32 source = 1; source <= sources_; ++source)
        write(aplic::sourcecfg + 4 * u64{source}, aplic::Sourcecfg::of(aplic::SourceMode::inactive).raw);
    auto const wanted = aplic::Domaincfg::of(how);
    write(aplic::domaincfg, wanted.raw);
    return mmio_read<u32>(base_ + aplic::domaincfg) == wanted.raw;
}

void HostAplic::connect(BoardWire wire, aplic::Target target) const {
    // The target has no known value until the source is active.                             [aia AdvPLIC 5.2]
    write(aplic::sourcecfg + 4 * u64{wire.source}, aplic::Sourcecfg::of(wire.mode).raw);
    write(aplic::target + 4 * u64{wire.source}, target.raw);
    write(aplic::setienum, wire.source);
    // It may be raised already, which some take for an interrupt and some do not.
    // [aia AdvPLIC 5.2]
    if (aplic::is_level(wire.mode)) look_again(wire.source);
}

void HostAplic::open_hart(u32 hart_index) const {
    write(idc(hart_index) + aplic::idc_iforce, 0);
    write(idc(hart_index) + aplic::idc_ithreshold, 0);
    write(idc(hart_index) + aplic::idc_idelivery, 1);
}

}  // namespace antler::platform
