// The commonest answer to a call of another hart, in few instructions: interrupts for the guest that runs
// here.
#pragma once

#include "hart/csr.hpp"
#include "vm/core.hpp"
#include "vm/outside.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

[[nodiscard]] constexpr bool includes(u32 requests, Request what) {
    return (requests & static_cast<u32>(what)) != 0;
}

[[gnu::always_inline]] inline void Core::raise_interrupts(Vcpu& vcpu, u32 asked) {
    namespace csr = hart::csr;
    u64 raise = 0;
    u64 lower = 0;
    if (includes(asked, Request::software_interrupt)) raise |= isa::Hvip::bit(isa::Interrupt::vs_software);
    if (includes(asked, Request::external_changed))
        (vcpu.external.load(std::memory_order_acquire) ? raise : lower) |=
            isa::Hvip::bit(isa::Interrupt::vs_external);
    if (current == &vcpu) {
        if (lower != 0) csr::hvip::clear_bits(lower);
        if (raise != 0) csr::hvip::set_bits(raise);
    } else {
        vcpu.csrs.hvip = (vcpu.csrs.hvip & ~lower) | raise;
    }
}

[[gnu::always_inline]] inline void Core::deliver_quickly(Vcpu& vcpu) {
    auto const asked = vcpu.requests.exchange(0, std::memory_order_seq_cst);
    if (asked == 0) return;
    constexpr auto interrupts =
        static_cast<u32>(Request::software_interrupt) | static_cast<u32>(Request::external_changed);
    if ((asked & ~interrupts) != 0) return deliver_more(vcpu, asked);
    raise_interrupts(vcpu, asked);
    if (vcpu.place == Vcpu::Place::blocked) wake_if_pending(vcpu);
}

// False: something else was asked, or of somebody else, and nothing was taken.
[[nodiscard, gnu::always_inline]] inline bool Core::answer_quickly() {
    auto* vcpu = current;
    if (vcpu == nullptr || flushes_wait.load(std::memory_order_relaxed) ||
        arrivals.load(std::memory_order_relaxed) != nullptr)
        return false;
    if (inbox.load(std::memory_order_acquire) != vcpu || vcpu->next_in_inbox != nullptr) return false;
    if (!inbox.compare_exchange_strong(vcpu, nullptr, std::memory_order_acquire)) return false;
    vcpu->in_inbox.store(false, std::memory_order_seq_cst);
    deliver_quickly(*vcpu);
    return true;
}

[[gnu::always_inline]] inline void Core::answer_call() {
    stop_if_panicking();
    if (!answer_quickly()) serve_inbox();
    // A hart that has nobody chooses anyway.
    bool const alone = current == nullptr || team == nullptr ||
                       (queue.empty() && team->crowded.load(std::memory_order_relaxed) == 0);
    if (!alone) look_around();
    if (background.load(std::memory_order_relaxed) || farewell.load(std::memory_order_relaxed))
        must_choose = true;
}

}  // namespace antler::vm
