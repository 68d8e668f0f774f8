// The extension for interrupts between the harts of a VM.
#pragma once

#include <bit>

#include "sbi/call.hpp"
#include "sbi/hart_mask.hpp"
#include "vm/exits.hpp"

namespace antler::sbi::ipi {

[[nodiscard]] Next handle(vm::Vcpu& vcpu, Call const& call);

// A hart that is stopped is a valid target, and forgets the interrupt when it starts.   [sbi ext-ipi]
inline void send(vm::Vm& vm, HartSet targets) {
    targets.each([&](u32 id) { vm.vcpu(id)->signal(vm::Request::software_interrupt); });
}

// The commonest call that the lane does not answer, without the table: done and stepped over, or false with
// nothing changed.  `enter` gets whoever was called where that one runs next, which Core::settle finds out
// elsewhere.
template <class Enter>
[[nodiscard, gnu::always_inline]] inline bool quick_send(vm::Vcpu& vcpu, Enter const& enter) {
    auto& x = vcpu.x;
    if (x[17] != static_cast<u64>(Eid::ipi) || x[16] != static_cast<u64>(abi::sbi::IpiFid::send_ipi))
        return false;
    auto const targets = harts_of(vcpu.vm.vcpu_count(), x[10], x[11]);
    if (!targets) return false;
    vcpu.count(vm::ExitKind::sbi);
    vcpu.answer({Status::success, 0});
    vcpu.pc += 4;
    auto const bits = targets->bits;
    if (std::has_single_bit(bits)) {
        auto& target = *vcpu.vm.vcpu(static_cast<u32>(std::countr_zero(bits)));
        if (!vm::wake_beside(vcpu, target, isa::Hvip::bit(isa::Interrupt::vs_software), enter))
            target.signal(vm::Request::software_interrupt);
        return true;
    }
    send(vcpu.vm, *targets);
    return true;
}

}  // namespace antler::sbi::ipi
