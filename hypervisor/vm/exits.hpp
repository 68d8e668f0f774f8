// The run loop's turn: why the guest came out, what is done about it, and who runs next.
#pragma once

#include "base/match.hpp"
#include "base/seams.hpp"
#include "hart/trap.hpp"
#include "vm/core_switch.hpp"
#include "vm/device_lane.hpp"
#include "vm/emulate.hpp"
#include "vm/explain.hpp"
#include "vm/memory_fault.hpp"
#include "vm/quick_access.hpp"
#include "vm/reflect.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

template <ExitServices<Vcpu> Services>
[[nodiscard, gnu::always_inline]] inline Next call(Vcpu& vcpu, Services& services) {
    vcpu.count(ExitKind::sbi);
    vcpu.instruction_bytes = 4;
    return services.sbi_call(vcpu);
}

// Leaving one kind of exit out is a build error.
template <ExitServices<Vcpu> Services>
[[nodiscard]] Next handle(Vcpu& vcpu, isa::Exit const& exit, Services& services) {
    return match(exit, overloaded{
                           [&](isa::SbiCall) { return call(vcpu, services); },
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
[[nodiscard, gnu::always_inline]] inline bool is_wait(Vcpu const& vcpu) {
    constexpr u64 wfi = 0x1050'0073;
    return hart::csr::scause::read_raw() == static_cast<u64>(isa::Exception::virtual_instruction) &&
           hart::csr::stval::read() == wfi && isa::Sstatus::spp::get(vcpu.sstatus);
}

[[nodiscard, gnu::always_inline]] inline bool is_call() {
    return hart::csr::scause::read_raw() == static_cast<u64>(isa::Exception::ecall_from_vs);
}
[[nodiscard, gnu::always_inline]] inline bool is_host_interrupt() {
    return isa::Scause::interrupt::get(hart::csr::scause::read_raw());
}

[[nodiscard, gnu::always_inline]] inline bool is_external_interrupt() {
    return hart::csr::scause::read() == isa::Scause::of(isa::Interrupt::supervisor_external);
}

// What follows from an exit; returns the vCPU that runs next.
[[nodiscard, gnu::always_inline]] inline Vcpu& end_turn(Core& core, Vcpu& vcpu, Next what) {
    switch (what) {
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

// Any exit of the vCPU that this hart runs.
template <ExitServices<Vcpu> Services>
[[nodiscard, gnu::noinline]] Vcpu& full_turn(Vcpu& vcpu, isa::DecodeOptions const& options,
                                             Services& services) {
    auto& core = *vcpu.home;
    core.note_closing();
    auto const trap = hart::read_trap(vcpu);
    return end_turn(core, vcpu, handle(vcpu, isa::decode_exit(trap, options), services));
}

// One that is known to be a call.
template <ExitServices<Vcpu> Services>
[[nodiscard, gnu::noinline]] Vcpu& call_turn(Vcpu& vcpu, Services& services) {
    auto& core = *vcpu.home;
    core.note_closing();
    return end_turn(core, vcpu, call(vcpu, services));
}

template <class Enter>
[[gnu::noinline]] void go_on_with(Core& core, Vcpu& next, Enter const& enter) {
    enter(core.go_on_with(next));
}
template <class Enter>
[[gnu::noinline]] void hand_over_more(Core& core, Vcpu& from, Enter const& enter) {
    enter(core.hand_over_more(from));
}
template <class Enter>
[[gnu::noinline]] void hand_over_files(Core& core, Vcpu& from, Enter const& enter) {
    enter(core.hand_over_files(from));
}
template <class Enter>
[[gnu::noinline]] void hand_over_all(Core& core, Vcpu& from, Enter const& enter) {
    enter(core.hand_over_all(from));
}
template <class Enter>
[[gnu::noinline]] void wait_and_settle(Core& core, Vcpu& vcpu, Enter const& enter) {
    core.block(vcpu);
    enter(core.settle());
}

// The commonest turn of all: the guest waits.  `enter` gets who runs next; on the machine it does not return,
// so that nothing is kept here for afterwards.  False: it was another turn.
template <class Enter>
[[nodiscard, gnu::always_inline]] inline bool wait_turn(Vcpu& vcpu, Enter const& enter) {
    if (!is_wait(vcpu)) return false;
    auto& core = *vcpu.home;
    vcpu.count(ExitKind::wait);
    vcpu.pc += 4;
    auto const outlook = core.outlook(vcpu, core.queue.first());
    if (outlook == Core::Outlook::plain) [[likely]] {
        auto* const next = core.hand_over<Core::Outlook::plain>(vcpu, [&](Vcpu& incomplete) -> Vcpu* {
            go_on_with(core, incomplete, enter);
            return nullptr;
        });
        if (next != nullptr) enter(*next);
    } else if (outlook == Core::Outlook::more) {
        hand_over_more(core, vcpu, enter);
    } else if (outlook == Core::Outlook::files) {
        hand_over_files(core, vcpu, enter);
    } else if (outlook == Core::Outlook::all) {
        hand_over_all(core, vcpu, enter);
    } else {
        wait_and_settle(core, vcpu, enter);
    }
    return true;
}

// A function of its own: who calls another hart needs none of its registers.
template <class Enter>
[[nodiscard, gnu::noinline]] bool wake_one_that_waits_here(Vcpu& vcpu, Vcpu& woken, u64 interrupts,
                                                           Enter const& enter) {
    auto& core = *vcpu.home;
    auto const outlook = core.outlook(vcpu, &woken);
    Vcpu* next = nullptr;
    bool entered = false;
    if (outlook == Core::Outlook::plain) {
        next = core.give_hart_to_woken<Core::Outlook::plain>(vcpu, woken, interrupts,
                                                             [&](Vcpu& incomplete) -> Vcpu* {
                                                                 entered = true;
                                                                 go_on_with(core, incomplete, enter);
                                                                 return nullptr;
                                                             });
    } else if (outlook == Core::Outlook::more) {
        next = core.wake_beside_more(vcpu, woken, interrupts);
    }
    if (next != nullptr) enter(*next);
    return next != nullptr || entered;
}

// An interrupt for one that waits on the same hart, which runs now: `enter` gets it.  False: it is not like
// that.
template <class Enter>
[[nodiscard, gnu::always_inline]] inline bool wake_beside(Vcpu& vcpu, Vcpu& woken, u64 interrupts,
                                                          Enter const& enter) {
    return vcpu.home->waits_here(woken) && wake_one_that_waits_here(vcpu, woken, interrupts, enter);
}

[[nodiscard, gnu::always_inline]] inline bool is_load_fault() {
    return hart::csr::scause::read_raw() == static_cast<u64>(isa::Exception::load_guest_page_fault);
}

// Whether the hart's own word of an access to a device is to be had.
[[nodiscard, gnu::always_inline]] inline bool may_be_quick(Vcpu const& vcpu) {
    return vcpu.home->trusts_traps;
}

template <ExitServices<Vcpu> Services>
[[nodiscard]] inline Vcpu& turn(Vcpu& vcpu, isa::DecodeOptions const& options, Services& services) {
    Vcpu* next = nullptr;
    if (wait_turn(vcpu, [&](Vcpu& chosen) { next = &chosen; })) return *next;
    if (is_load_fault()) {
        if (auto const length = device_lane(vcpu); length != 0) {
            vcpu.pc += length;
            return vcpu;
        }
    }
    if (is_data_fault() && may_be_quick(vcpu)) {
        if (is_told_in_ram(vcpu)) {
            if (quick_touch(vcpu)) return vcpu.home->settle();
        } else if (quick_device_access(vcpu)) {
            return vcpu.home->settle();
        }
    }
    return full_turn(vcpu, options, services);
}

}  // namespace antler::vm
