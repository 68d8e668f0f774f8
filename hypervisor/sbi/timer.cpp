// The timer extension: when the guest wants its next timer interrupt.
#include "sbi/timer.hpp"

#include "vm/vm.hpp"

namespace antler::sbi::timer {

using abi::sbi::TimeFid;

// A time that lies in the future also takes back the pending interrupt; so does "never".   [sbi ext-time]
Next handle(vm::Vcpu& vcpu, Call const& call) {
    if (!function_of(call, TimeFid::set_timer)) return answer(vcpu, Status::not_supported);
    vcpu.vm.set_timer(vcpu, call.a[0]);
    return answer(vcpu, Status::success);
}

}  // namespace antler::sbi::timer
