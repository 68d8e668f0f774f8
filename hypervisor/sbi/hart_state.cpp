// The hart state extension: start, stop, status and suspend of virtual harts.
#include "sbi/hart_state.hpp"

#include "vm/vm.hpp"

namespace antler::sbi::hart_state {

using abi::sbi::HartState;
using abi::sbi::HartStateFid;
using abi::sbi::SuspendType;

namespace {

// Where a hart may begin: in RAM, all of which is executable, at an even address.   [norm:Zca_align16]
bool can_begin_at(vm::Vm& vm, u64 address) {
    return address % 2 == 0 && vm.ram().contains(Gpa{address}, 2);
}

[[gnu::always_inline]] inline Next start(vm::Vcpu& caller, Call const& call) {
    u64 const id = call.a[0];
    u64 const address = call.a[1];
    u64 const opaque = call.a[2];
    if (caller.vm.vcpu(id) == nullptr) return answer(caller, Status::invalid_param);
    if (!can_begin_at(caller.vm, address)) return answer(caller, Status::invalid_address);
    return answer(caller, caller.vm.start_hart(id, {.pc = address, .opaque = opaque}));
}

[[gnu::always_inline]] inline Next status(vm::Vcpu& caller, Call const& call) {
    auto const* const target = caller.vm.vcpu(call.a[0]);
    if (target == nullptr) return answer(caller, Status::invalid_param);
    return answer(caller, Status::success, static_cast<u64>(target->hart_state.load()));
}

// The caller sleeps until an interrupt is pending.  With a retentive suspend the call then returns; otherwise
// the hart begins again at the address that was given.   [sbi ext-hsm]
[[gnu::always_inline]] inline Next suspend(vm::Vcpu& caller, Call const& call) {
    switch (static_cast<SuspendType>(call.narrow(0))) {
        case SuspendType::retentive: answer(caller, Status::success); break;
        case SuspendType::non_retentive:
            if (!can_begin_at(caller.vm, call.a[1])) return answer(caller, Status::invalid_address);
            caller.entry = {.pc = call.a[1], .opaque = call.a[2]};  // ours while we are not stopped
            caller.restarts_on_wake = true;
            break;
        default: return answer(caller, Status::invalid_param);  // reserved, or another platform's
    }
    caller.hart_state.store(HartState::suspended);
    return Next::block;
}

[[gnu::always_inline]] inline Next dispatch(vm::Vcpu& vcpu, Call const& call) {
    auto const function = function_of(call, HartStateFid::hart_suspend);
    if (!function) return answer(vcpu, Status::not_supported);
    switch (*function) {
        case HartStateFid::hart_start: return start(vcpu, call);
        case HartStateFid::hart_stop: vcpu.vm.stopped(vcpu); return Next::stop;
        case HartStateFid::hart_get_status: return status(vcpu, call);
        case HartStateFid::hart_suspend: return suspend(vcpu, call);
    }
    return answer(vcpu, Status::not_supported);
}

}  // namespace

Next handle(vm::Vcpu& vcpu, Call const& call) {
    return dispatch(vcpu, call);
}

// Of the call only what is looked at is read.
Next handle_own(vm::Vcpu& vcpu) {
    return dispatch(vcpu, Call::of(vcpu));
}

}  // namespace antler::sbi::hart_state
