// vCPUs that move between harts: only the hart that has one gives it away, and never while it runs.
#include <bit>

#include "vm/core_switch.hpp"
#include "vm/outside.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

bool Core::may_run(Vcpu const& vcpu) const {
    if (team == nullptr) return true;
    if ((vcpu.affinity.load(std::memory_order_relaxed) & Team::bit(index)) == 0) return false;
    return !is_dedicated() || vcpu.vm.is_dedicated();
}

// The hart with the least to do of those that may run it; none but this: nothing.
Core* Core::better_place(Vcpu const& vcpu, u64 harts) const {
    if (team == nullptr) return nullptr;
    auto may = harts & vcpu.affinity.load(std::memory_order_relaxed) & ~Team::bit(index);
    if (!vcpu.vm.is_dedicated()) may &= ~team->dedicated.load(std::memory_order_relaxed);
    Core* best = nullptr;
    for (; may != 0; may &= may - 1) {
        auto const candidate = static_cast<u32>(std::countr_zero(may));
        if (candidate >= team->cores.size()) break;
        auto* const core = team->cores[candidate];
        if (best == nullptr || core->burden() < best->burden()) best = core;
    }
    return best;
}

// The vCPU waits in the queue, and no exit of it is being handled.
void Core::give_away(Vcpu& vcpu, Core& to) {
    queue.leave(vcpu);
    forget(vcpu);
    take_file(vcpu);
    dismiss(vcpu);
    vcpu.vm.left(vcpu, *this);
    ++vcpu.times.migrations;
    vcpu.moves.store(true, std::memory_order_relaxed);
    vcpu.home = &to;  // who signals it from now on signals there
    auto* head = to.arrivals.load(std::memory_order_relaxed);
    do {
        vcpu.next_arrival = head;
    } while (!to.arrivals.compare_exchange_weak(head, &vcpu, std::memory_order_release,
                                                std::memory_order_relaxed));
    send_ipi(to.index);
}

void Core::serve_arrivals() {
    auto* vcpu = arrivals.exchange(nullptr, std::memory_order_acquire);
    auto const now = hart::time();
    charge_current(now);
    while (vcpu != nullptr) {
        auto* const next = vcpu->next_arrival;
        adopt(*vcpu);
        queue.arrive(*vcpu);
        vcpu->moves.store(false, std::memory_order_release);
        if (vcpu->place == Vcpu::Place::queued) {
            line_up(*vcpu, now);
        } else {
            wake_if_pending(*vcpu);
        }
        note_deadline(*vcpu);
        vcpu = next;
    }
}

// What came for a vCPU that lives elsewhere by now, or is on its way here.  in_inbox stays set.
bool Core::pass_on(Vcpu& vcpu) {
    Core* const home = vcpu.home.seen();
    if (home == this && !vcpu.moves.load(std::memory_order_acquire)) return false;
    home->put_into_inbox(vcpu);
    send_ipi(home->index);
    return true;
}

// Those that should not run here; one that may run nowhere stays.
void Core::send_strangers() {
    has_strangers = false;
    for (auto* entity = queue.first(); entity != nullptr;) {
        auto& vcpu = static_cast<Vcpu&>(*entity);
        entity = entity->next;
        if (may_run(vcpu)) continue;
        if (auto* const to = better_place(vcpu, ~u64{0})) give_away(vcpu, *to);
    }
}

// Before this hart chooses, with everybody who can run in its queue.
void Core::share_work() {
    if (has_strangers) send_strangers();
    constexpr u32 most = 4;  // at a time
    for (u32 i = 0; i < most && queue.size() > 1; ++i) {
        auto* waiting = static_cast<Vcpu*>(queue.first());
        if (waiting == current) waiting = static_cast<Vcpu*>(static_cast<sched::Entity*>(waiting)->next);
        auto* to = better_place(*waiting, team->idle.load(std::memory_order_relaxed));
        if (to == nullptr && charged_at >= balance_at) {
            balance_at = charged_at + balance_period;
            to = better_place(*waiting, ~u64{0});
            if (to != nullptr && to->burden() >= queue.size()) to = nullptr;
        }
        if (to == nullptr) return;
        // One is given to an idle hart once.
        team->idle.fetch_and(~Team::bit(to->index));
        give_away(*waiting, *to);
    }
}

// Harts whose guests wait natively learn that somebody waits here, and idle ones may have come meanwhile.
void Core::tell_crowd() {
    auto const waiting = queue.size();
    auto const before = waiting_count.load(std::memory_order_relaxed);
    if (before == waiting) return;
    waiting_count.store(waiting, std::memory_order_relaxed);
    if ((before == 0) == (waiting == 0)) return;
    if (waiting == 0) {
        team->crowded.fetch_and(~Team::bit(index));
        return;
    }
    team->crowded.fetch_or(Team::bit(index));
    auto natives = team->native.load() & ~Team::bit(index);
    for (; natives != 0; natives &= natives - 1) send_ipi(static_cast<u32>(std::countr_zero(natives)));
    if (team->idle.load() != 0) must_choose = true;
}

void Core::say_idle() {
    if (team == nullptr || is_dedicated()) return;
    if (watch_at == never) watch_at = 0;  // it was dedicated, and is not any more
    waiting_count.store(0, std::memory_order_relaxed);
    team->crowded.fetch_and(~Team::bit(index));
    team->native.fetch_and(~Team::bit(index));
    waits_natively = false;
    team->idle.fetch_or(Team::bit(index));
    auto const crowded = team->crowded.load() & ~Team::bit(index);
    if (crowded != 0) send_ipi(static_cast<u32>(std::countr_zero(crowded)));
}

void Core::look_around() {
    if (team == nullptr) return;
    if (current != nullptr && waits_natively && others_wait()) set_wait_trap(*current);
    if (!queue.empty() && (team->idle.load(std::memory_order_relaxed) & ~Team::bit(index)) != 0)
        must_choose = true;
}

}  // namespace antler::vm
