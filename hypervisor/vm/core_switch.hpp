// The world switch: what is in every hart's way, in as few instructions as it takes.
#pragma once

#include "hart/csr.hpp"
#include "hart/fence.hpp"
#include "vm/core.hpp"
#include "vm/guest_time.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

// wfi is the guest's own while nobody else waits for this hart, nor for another.   [norm:hstatus_vtw_op]
template <Core::Outlook what>
[[gnu::always_inline]] inline void Core::set_wait_trap(Vcpu& vcpu) {
    bool native = queue.empty() && !vcpu.vm.policies().trap_wait;
    if (what != Outlook::plain) native = native && (is_dedicated() || !others_wait());
    vcpu.hstatus = isa::Hstatus::vtw::set(vcpu.hstatus, !native);
    if (what != Outlook::plain && team != nullptr && native != waits_natively) tell_native(native);
}

// What sstatus may not tell of: QEMU 10 calls the guest's own field dirty when VS-mode writes fcsr, vcsr or
// vstart, and not the hypervisor's. [norm:vsstatus_fs_op] [norm:vsstatus_vs_op]
[[gnu::always_inline]] inline u64 Core::unit_words(Vcpu const& vcpu) {
    using S = isa::Sstatus;
    // Who has vectors has floating point.
    if ((vcpu.sstatus & S::vs::mask) != 0)
        return hart::csr::fcsr::read_raw() | hart::csr::vcsr::read_raw() | hart::csr::vstart::read_raw();
    return (vcpu.sstatus & S::fs::mask) != 0 ? hart::csr::fcsr::read_raw() : 0;
}

[[gnu::always_inline]] inline auto Core::outlook(Vcpu const& from, sched::Entity const* next) const
    -> Outlook {
    if (must_choose || next == nullptr || inbox.load(std::memory_order_relaxed) != nullptr || !hands_over ||
        !from.owns_timer || (from.allowance.per_period | next->allowance.per_period) != 0) [[unlikely]]
        return Outlook::busy;
    auto const& first = static_cast<Vcpu const&>(*next);
    auto const beside = static_cast<u8>(from.beside() | first.beside());
    if (team == nullptr) [[likely]] {
        if (!isa::Sstatus::sd::get(from.sstatus) && (first.changed.raw | tainted.raw) == 0 &&
            unit_words(from) == 0) [[likely]] {
            if (beside == 0) [[likely]]
                return Outlook::plain;
            if ((beside & Vcpu::beside_stolen) == 0) return Outlook::files;
        }
    } else if (has_strangers || charged_at >= balance_at ||
               (team->idle.load(std::memory_order_relaxed) & ~Team::bit(index)) != 0) {
        return Outlook::busy;
    }
    return (beside & Vcpu::beside_file) == 0 ? Outlook::more : Outlook::all;
}

// Whoever runs now has a slice, if anybody waits.
template <Core::Outlook what>
[[gnu::always_inline]] inline Vcpu* Core::begin_turn(Vcpu& vcpu, u64 now) {
    u64 at = quiet_until;
    turn_began = now;
    if (queue.empty()) {
        slice_end = never;
        set_wait_trap<what>(vcpu);
    } else {
        slice_end = now + slice;
        if (slice_end < at) at = slice_end;
        if constexpr (what == Outlook::plain) {
            vcpu.hstatus |= isa::Hstatus::vtw::mask;
        } else {
            set_wait_trap<what>(vcpu);
        }
    }
    if (deadlines.next() < at) at = deadlines.next();
    timer_set = at;
    hart::csr::stimecmp::write_raw(at);
    if constexpr (what == Outlook::more) {
        if (team != nullptr && waiting_count.load(std::memory_order_relaxed) != queue.size()) tell_crowd();
        if (vcpu.tells_stolen) tell_stolen(vcpu);
    }
    return &vcpu;
}

// As charge_current() for one that runs and has no cap; the time.
[[gnu::always_inline]] inline u64 Core::charge_until_now(Vcpu& from) {
    auto const now = hart::time();
    auto const ran = now - charged_at;
    charged_at = now;
    from.charge(ran);
    from.times.run += ran;
    from.times.since = now;
    return now;
}

template <Core::Outlook what, class Otherwise>
[[gnu::always_inline]] inline Vcpu* Core::hand_over(Vcpu& from, Otherwise const& otherwise) {
    using Place = Vcpu::Place;
    namespace csr = hart::csr;
    constexpr bool more = what == Outlook::more || what == Outlook::all;
    constexpr bool files_too = what == Outlook::files || what == Outlook::all;
    constexpr auto how = more ? Outlook::more : Outlook::plain;  // the turn begins

    auto const now = charge_until_now(from);
    auto& next = static_cast<Vcpu&>(*queue.first());
    auto const compare = csr::vstimecmp::read_raw();
    auto const hvip = csr::hvip::read_raw();
    // What the hypervisor keeps for it is in the list.
    bool pending = hvip != 0;
    if constexpr (files_too)
        if (from.has_file) pending = pending || file_signals(from);
    if (!pending && now + from.csrs.htimedelta < compare && now < from.at) {
        from.place = Place::blocked;
        if constexpr (files_too)
            if (from.has_file) watch_file(from, true);
        auto const own = in_host_time(compare, from.csrs.htimedelta, now);
        deadlines.set(from, own < from.at ? own : from.at);
        queue.take_front();
    } else if (!sched::RunQueue::is_before(from, next)) [[likely]] {
        from.place = Place::queued;
        queue.exchange_front(next, from);
    } else {
        return begin_turn<how>(from, now);
    }
    return give_hart<what>(from, next, now, otherwise);
}

// From the one, which has its place among those that wait, to the other, which has left them.
template <Core::Outlook what, class Otherwise>
[[gnu::always_inline]] inline Vcpu* Core::give_hart(Vcpu& from, Vcpu& next, u64 now,
                                                    Otherwise const& otherwise) {
    namespace csr = hart::csr;
    constexpr hart::CsrSet everything{.henvcfg = true, .sstc = true, .stateen = true};
    constexpr bool more = what == Outlook::more || what == Outlook::all;
    constexpr bool files_too = what == Outlook::files || what == Outlook::all;
    constexpr auto how = more ? Outlook::more : Outlook::plain;  // the turn begins

    next.place = Vcpu::Place::running;
    next.times.stolen += now - next.times.since;
    hart::save_guest_csrs(from.csrs, everything);
    if constexpr (more) {
        park_units(from);
        if (from.tells_stolen) tell_preempted(from);
    }
    if constexpr (files_too)
        if (from.has_file) unload_file(from);
    from.loaded.store(false, std::memory_order_release);
    next.loaded.store(true, std::memory_order_relaxed);
    current = &next;
    bool const sees = view.enter_quickly(*next.space, [](isa::Hgatp hgatp) {
        csr::vsatp::write({});
        csr::hgatp::write(hgatp);
        hart::sfence_vma_all(FenceSite::windows_handed_over);
    });
    if (!sees) [[unlikely]] {
        current = nullptr;
        return otherwise(next);
    }
    next.vm.forget_others(next, *this);
    hart::load_guest_csrs(next.csrs, everything);
    if constexpr (more) bring_units(next);
    if constexpr (files_too)
        if (next.has_file) load_file(next);
    // Pairs with Vcpu::wait_for_fence().
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (next.requests.load(std::memory_order_relaxed) != 0) [[unlikely]]
        return otherwise(next);
    return begin_turn<how>(next, now);
}

// One that waits on this hart for an interrupt gets it, and the hart, if it is its turn: in general it is,
// for it slept.  Null: it is not, or there is more to do; then nothing has changed but what the one that runs
// has paid.
template <Core::Outlook what, class Otherwise>
[[gnu::always_inline]] inline Vcpu* Core::give_hart_to_woken(Vcpu& from, Vcpu& woken, u64 interrupts,
                                                             Otherwise const& otherwise) {
    using Place = Vcpu::Place;
    auto const now = charge_until_now(from);
    queue.nobody_waited_for(from);
    queue.credit(woken, most_credit);
    auto const* const first = queue.first();
    if (sched::RunQueue::is_before(from, woken) ||
        (first != nullptr && !sched::RunQueue::is_before(woken, *first))) [[unlikely]]
        return nullptr;
    woken.csrs.hvip |= interrupts;
    woken.times.since = now;
    woken.place = Place::running;
    if (woken.at != sched::no_deadline) note_deadline(woken);
    queue.note_served(woken);
    from.place = Place::queued;
    queue.push(from);
    return give_hart<what>(from, woken, now, otherwise);
}

}  // namespace antler::vm
