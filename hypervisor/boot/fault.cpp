// A trap taken by the hypervisor itself: an access with a fixup goes on there; anything else is our bug.
#include <array>

#include "base/panic.hpp"
#include "boot/report.hpp"
#include "hart/csr.hpp"
#include "hart/hart.hpp"
#include "hart/offsets.hpp"

namespace antler::boot {

extern "C" void antler_hypervisor_fault(FaultFrame* frame) {
    auto& hart = hart::this_hart();
    if (hart.fixup != 0) {
        frame->pc = hart.fixup;
        hart.fixup = 0;
        hart.fault_cause = hart::csr::scause::read_raw();
        hart.fault_value = hart::csr::stval::read();
        if (!hart.hypervisor) return;  // only probing
        hart.fault_gpa = hart::csr::htval::read();
        // sret must come back here, not into the guest.   [norm:sret_v0]
        hart::csr::hstatus::clear_bits(isa::Hstatus::spv::mask);
        hart::csr::sstatus::set_bits(isa::Sstatus::spp::mask);
        return;
    }
    report_fault(*frame, hart::csr::scause::read(), hart::csr::stval::read());
    panic("the hypervisor trapped");
}

}  // namespace antler::boot
