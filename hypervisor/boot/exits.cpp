// What a hart does when a guest has left it: the commonest reasons first, and then the next guest.
#include "vm/exits.hpp"
#include "boot/system.hpp"
#include "hart/csr.hpp"
#include "sbi/ipi.hpp"
#include "vm/core_calls.hpp"

namespace antler::boot {

// It does not return, but may be jumped to.
extern "C" void antler_enter_guest(hart::GuestRegisters* registers);

namespace {

// Who runs next is jumped to, at the end of each of these.
void enter_next(vm::Vcpu& next) {
    antler_enter_guest(&next);
}

[[gnu::noinline]] void serve_rare_exit(vm::Vcpu& vcpu) {
    auto& all = *static_cast<BootCore&>(*vcpu.home).system;
    enter_next(vm::full_turn(vcpu, all.decode_options, all.services));
    __builtin_unreachable();
}

[[gnu::noinline]] void serve_interrupt_exit(vm::Vcpu& vcpu) {
    auto& core = static_cast<BootCore&>(*vcpu.home);
    bool const external = vm::is_external_interrupt();
    if (external && core.interrupts.serve(core.system->interrupts)) {
        core.heartbeat.store(hart::time(), std::memory_order_relaxed);
        core.answer_call();
    } else {
        core.note_closing();
        if (!core.serve_interrupts() && !external) return serve_rare_exit(vcpu);
    }
    vcpu.count(vm::ExitKind::interrupt);
    enter_next(core.settle());
    __builtin_unreachable();
}

[[gnu::noinline]] void serve_rare_call(vm::Vcpu& vcpu) {
    auto& all = *static_cast<BootCore&>(*vcpu.home).system;
    enter_next(vm::call_turn(vcpu, all.services));
    __builtin_unreachable();
}

[[gnu::noinline]] void serve_call_exit(vm::Vcpu& vcpu) {
    if (!sbi::ipi::quick_send(vcpu, enter_next)) return serve_rare_call(vcpu);
    enter_next(vcpu.home->settle());
    __builtin_unreachable();
}

[[gnu::noinline]] void serve_touch_exit(vm::Vcpu& vcpu) {
    auto& core = *vcpu.home;
    core.note_closing();
    if (!vm::quick_touch(vcpu)) return serve_rare_exit(vcpu);
    auto& next = core.settle();
    core.note_opening();
    enter_next(next);
    __builtin_unreachable();
}

[[gnu::noinline]] void serve_device_exit(vm::Vcpu& vcpu) {
    if (!vm::quick_device_access(vcpu)) return serve_rare_exit(vcpu);
    enter_next(vcpu.home->settle());
    __builtin_unreachable();  // so nothing is put back that this has kept
}

}  // namespace

extern "C" void antler_guest_exit(hart::GuestRegisters* registers) {
    auto& vcpu = static_cast<vm::Vcpu&>(*registers);
    if (vm::wait_turn(vcpu, enter_next)) return;
    if (vm::is_data_fault() && vm::may_be_quick(vcpu)) {
        if (vm::is_told_in_ram(vcpu)) return serve_touch_exit(vcpu);
        return serve_device_exit(vcpu);
    }
    if (vm::is_host_interrupt()) return serve_interrupt_exit(vcpu);
    if (vm::is_call()) return serve_call_exit(vcpu);
    serve_rare_exit(vcpu);
}

}  // namespace antler::boot
