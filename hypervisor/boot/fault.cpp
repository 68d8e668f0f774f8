// A trap taken by the hypervisor itself: an access with a fixup goes on there; anything else is our bug.
#include <array>

#include "base/panic.hpp"
#include "boot/report.hpp"
#include "hart/csr.hpp"
#include "hart/hart.hpp"
#include "hart/offsets.hpp"

namespace antler::boot {

// An access that may fault, and where it goes on: each as far from the word that says so.
struct Fixup {
    i32 from;
    i32 to;
    [[nodiscard]] u64 at() const { return reinterpret_cast<u64>(&from) + static_cast<u64>(i64{from}); }
    [[nodiscard]] u64 target() const { return reinterpret_cast<u64>(&to) + static_cast<u64>(i64{to}); }
};

extern "C" Fixup const __fixups_start[];
extern "C" Fixup const __fixups_end[];

namespace {

// Faults are rare, and the list is short.
[[nodiscard]] u64 fixup_of(u64 pc) {
    for (auto const* one = __fixups_start; one != __fixups_end; ++one)
        if (one->at() == pc) return one->target();
    return 0;
}

}  // namespace

extern "C" void antler_hypervisor_fault(FaultFrame* frame) {
    auto& hart = hart::this_hart();
    if (auto const goes_on = hart.fixup != 0 ? hart.fixup : fixup_of(frame->pc); goes_on != 0) {
        frame->pc = goes_on;
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
