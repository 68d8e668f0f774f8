// The extension for interrupts between the harts of a VM.
#include "sbi/ipi.hpp"

#include "sbi/hart_mask.hpp"
#include "vm/vm.hpp"

namespace antler::sbi::ipi {

using abi::sbi::IpiFid;

// A hart that is stopped is a valid target, and forgets the interrupt when it starts.   [sbi ext-ipi]
Next handle(vm::Vcpu& vcpu, Call const& call) {
    if (!function_of(call, IpiFid::send_ipi)) return answer(vcpu, Status::not_supported);
    auto const targets = harts_of(vcpu.vm.vcpu_count(), call.a[0], call.a[1]);
    if (!targets) return answer(vcpu, Status::invalid_param);
    targets->each([&](u32 id) { vcpu.vm.vcpu(id)->signal(vm::Request::software_interrupt); });
    return answer(vcpu, Status::success);
}

}  // namespace antler::sbi::ipi
