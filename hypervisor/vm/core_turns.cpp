// Whose turn it is on one hart: what each vCPU has had, its cap, and how long it may go on.
#include "vm/core.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

// Up to now; whoever runs next begins then.
void Core::charge_current(u64 now) {
    if (current == nullptr) return;
    auto const ran = now - charged_at;
    charged_at = now;
    if (current->place != Vcpu::Place::running) return;  // it was charged when it ceased to run
    current->charge(ran);
    current->times.run += ran;
    current->allowance.charge(ran);
    queue.nobody_waited_for(*current);
    current->times.since = now;
}

Times Core::times_of(Vcpu const& vcpu, u64 now) const {
    using Place = Vcpu::Place;
    auto times = vcpu.times;
    auto const place = vcpu.place;
    // Who runs alone is not charged while it does, however long that is.
    if (place == Place::running && current == &vcpu) {
        times.run += now > charged_at ? now - charged_at : 0;
    } else if (place == Place::queued || place == Place::throttled) {
        times.stolen += now > times.since ? now - times.since : 0;
    }
    return times;
}

void Core::put_back(Vcpu& vcpu) {
    vcpu.place = Vcpu::Place::nowhere;
    enqueue(vcpu, false);
}

void Core::enqueue(Vcpu& vcpu, bool slept) {
    if (vcpu.allowance.per_period != 0 && vcpu.allowance.is_used_up(hart::time())) {
        vcpu.place = Vcpu::Place::throttled;
        vcpu.next_throttled = throttled;
        throttled = &vcpu;
        return;
    }
    vcpu.place = Vcpu::Place::queued;
    if (!may_run(vcpu)) has_strangers = true;
    if (slept) {
        queue.wake(vcpu, most_credit);
    } else {
        queue.push(vcpu);
    }
}

void Core::unqueue(Vcpu& vcpu) {
    queue.remove(vcpu);
    if (vcpu.place != Vcpu::Place::throttled) return;
    for (auto** link = &throttled; *link != nullptr; link = &(*link)->next_throttled)
        if (*link == &vcpu) {
            *link = vcpu.next_throttled;
            return;
        }
}

void Core::release_throttled(u64 now) {
    for (auto** link = &throttled; *link != nullptr;) {
        auto& vcpu = **link;
        if (vcpu.allowance.period_end > now) {
            link = &vcpu.next_throttled;
            continue;
        }
        *link = vcpu.next_throttled;
        line_up(vcpu, now);
    }
}

u64 Core::turn_end(Vcpu& vcpu) const {
    auto const end = queue.empty() ? never : charged_at + slice;
    auto& allowance = vcpu.allowance;
    if (allowance.per_period == 0) return end;
    allowance.begin(charged_at, cap_period);
    return charged_at + allowance.left < end ? charged_at + allowance.left : end;
}

// Whoever wakes goes first, for it had less; but who sleeps for less than it takes to change worlds would
// come before the other one has executed anything, every time.
bool Core::has_hardly_begun(u64 now) const {
    return current != nullptr && current->place == Vcpu::Place::running && now - turn_began < least_turn &&
           !current->allowance.is_used_up(now) && may_run(*current);
}

void Core::note_deadline(Vcpu& vcpu) {
    auto at = sched::no_deadline;
    if (vcpu.is_resident && !vcpu.paused.load(std::memory_order_relaxed))
        at = vcpu.place == Vcpu::Place::blocked ? vcpu.vm.timer_deadline(vcpu, *this)
                                                : vcpu.vm.kept_deadline(vcpu);
    deadlines.set(vcpu, at);
}

void Core::reconsider(Vcpu& vcpu) {
    vcpu.vm.give_share(vcpu);
    bool const waits = vcpu.place == Vcpu::Place::queued || vcpu.place == Vcpu::Place::throttled;
    if (waits) {
        unqueue(vcpu);
        line_up(vcpu, hart::time());
    }
    must_choose = true;
}

}  // namespace antler::vm
