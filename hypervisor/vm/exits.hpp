// The run loop's turn: why the guest came out, what is done about it, and who runs next.
#pragma once

#include "base/match.hpp"
#include "base/seams.hpp"
#include "hart/trap.hpp"
#include "vm/core.hpp"
#include "vm/emulate.hpp"
#include "vm/explain.hpp"
#include "vm/memory_fault.hpp"
#include "vm/quick_access.hpp"
#include "vm/reflect.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

// Leaving one kind of exit out is a build error.
template <ExitServices<Vcpu> Services>
[[nodiscard]] Next handle(Vcpu& vcpu, isa::Exit const& exit, Services& services) {
    return match(exit, overloaded{
                           [&](isa::SbiCall) {
                               vcpu.count(ExitKind::sbi);
                               vcpu.instruction_bytes = 4;
                               return services.sbi_call(vcpu);
                           },
                           [&](isa::GuestPageFault const& fault) { return memory_fault(vcpu, fault); },
                           [&](isa::VirtualInstruction instruction) { return emulate(vcpu, instruction); },
                           [&](isa::HostInterrupt) {
                               vcpu.count(ExitKind::interrupt);
                               vcpu.home->serve_interrupts();
                               return Next::retry;
                           },
                           [&](isa::Reflect const& own) { return reflect(vcpu, own.cause, own.tval); },
                           [&](isa::Unexpected what) {
                               explain_unexpected(vcpu, what.scause);
                               vcpu.vm.end(Ending::crash);
                               return Next::stop;
                           },
                       });
}

// A guest that waits where it may: the commonest of what its hart refuses.
[[nodiscard, gnu::always_inline]] inline bool quick_wait(Vcpu& vcpu) {
    constexpr u64 wfi = 0x1050'0073;
    namespace csr = hart::csr;
    if (csr::scause::read_raw() != static_cast<u64>(isa::Exception::virtual_instruction) ||
        csr::stval::read() != wfi || !isa::Sstatus::spp::get(vcpu.sstatus))
        return false;
    vcpu.count(ExitKind::wait);
    vcpu.pc += 4;
    vcpu.home->block(vcpu);
    return true;
}

// Any exit of the vCPU that this hart runs; returns the vCPU that runs next.
template <ExitServices<Vcpu> Services>
[[nodiscard, gnu::noinline]] Vcpu& full_turn(Vcpu& vcpu, isa::DecodeOptions const& options,
                                             Services& services) {
    auto& core = *vcpu.home;
    core.note_closing();
    auto const trap = hart::read_trap(vcpu);
    switch (handle(vcpu, isa::decode_exit(trap, options), services)) {
        case Next::advance: vcpu.pc += vcpu.instruction_bytes; break;
        case Next::block:
            vcpu.pc += vcpu.instruction_bytes;
            core.block(vcpu);
            break;
        case Next::retry:
        case Next::to_guest_trap:
        case Next::stop: break;
    }
    auto& next = core.settle();
    core.note_opening();
    return next;
}

template <ExitServices<Vcpu> Services>
[[nodiscard, gnu::always_inline]] inline Vcpu& turn(Vcpu& vcpu, isa::DecodeOptions const& options,
                                                    Services& services) {
    bool const trusting = !options.ignore_htinst && !options.ignore_htval;
    if (trusting && quick_device_access(vcpu)) return vcpu.home->settle();
    if (quick_wait(vcpu)) return vcpu.home->settle();
    return full_turn(vcpu, options, services);
}

}  // namespace antler::vm
