// The extension for interrupts between the harts of a VM.
#include "sbi/ipi.hpp"

namespace antler::sbi::ipi {

using abi::sbi::IpiFid;

Next handle(vm::Vcpu& vcpu, Call const& call) {
    if (!function_of(call, IpiFid::send_ipi)) return answer(vcpu, Status::not_supported);
    auto const targets = harts_of(vcpu.vm.vcpu_count(), call.a[0], call.a[1]);
    if (!targets) return answer(vcpu, Status::invalid_param);
    send(vcpu.vm, *targets);
    return answer(vcpu, Status::success);
}

}  // namespace antler::sbi::ipi
