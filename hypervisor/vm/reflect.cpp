// What a hart would have done, had it delivered the trap to VS-mode itself.
#include "vm/reflect.hpp"

#include "hart/csr.hpp"
#include "isa/reflect.hpp"
#include "vm/explain.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

namespace csr = hart::csr;

Next reflect(Vcpu& vcpu, isa::Exception cause, u64 tval) {
    // The hart was in the hypervisor's mode with the guest's registers: firmware did not return to the guest.
    // What it has done there is not known, but it shall not go on.
    if (!isa::Hstatus::spv::get(vcpu.hstatus)) {
        explain(vcpu, "was let into the hypervisor's mode by firmware", cause, tval);
        vcpu.vm.end(Ending::crash);
        return Next::stop;
    }
    using S = isa::Sstatus;
    isa::GuestPoint const at{.vsstatus = csr::vsstatus::read(),
                             .vstvec = {csr::vstvec::read()},
                             .pc = vcpu.pc,
                             .in_vs = S::spp::get(vcpu.sstatus)};
    auto const placed = isa::place_exception(at, cause, tval);
    // A handler that cannot be fetched would trap for ever, and nobody would learn why.
    if (placed.vscause == isa::Vscause::of(isa::Exception::fetch_access) && vcpu.pc == placed.pc) {
        explain(vcpu, "cannot fetch its own trap handler", isa::Exception::fetch_access, tval);
        vcpu.vm.end(Ending::crash);
        return Next::stop;
    }
    csr::vsstatus::write(placed.vsstatus);
    csr::vsepc::write(placed.vsepc.raw);
    csr::vscause::write(placed.vscause);
    csr::vstval::write(placed.vstval.raw);
    vcpu.pc = placed.pc;
    vcpu.sstatus = S::spp::set(vcpu.sstatus, true);
    vcpu.count(ExitKind::reflected);
    return Next::to_guest_trap;
}

}  // namespace antler::vm
