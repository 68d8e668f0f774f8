// Choosing, loading and unloading vCPUs on one hart.
#include "vm/core.hpp"

#include <algorithm>

#include "hart/csr.hpp"
#include "hart/fence.hpp"
#include "vm/core_calls.hpp"
#include "vm/core_switch.hpp"
#include "vm/guest_file.hpp"
#include "vm/outside.hpp"
#include "vm/ram.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

namespace csr = hart::csr;

void Core::house(Vcpu& vcpu) {
    vcpu.home = this;
    vcpu.hart = this;
    vcpu.stack = stack_top;
}

void Core::adopt(Vcpu& vcpu) {
    house(vcpu);
    if (vcpu.is_resident) return;
    vcpu.is_resident = true;
    vcpu.next_at_home = residents;
    residents = &vcpu;
}

void Core::dismiss(Vcpu& vcpu) {
    if (!vcpu.is_resident) return;
    vcpu.is_resident = false;
    deadlines.remove(vcpu);
    for (auto** link = &residents; *link != nullptr; link = &(*link)->next_at_home) {
        if (*link != &vcpu) continue;
        *link = vcpu.next_at_home;
        return;
    }
}

void Core::make_runnable(Vcpu& vcpu) {
    using Place = Vcpu::Place;
    if (vcpu.place == Place::running || vcpu.place == Place::queued || vcpu.place == Place::throttled) return;
    if (vcpu.paused.load(std::memory_order_relaxed)) {
        vcpu.place = Place::held;
        return;
    }
    auto suspended = abi::sbi::HartState::suspended;
    vcpu.hart_state.compare_exchange_strong(suspended, abi::sbi::HartState::started);
    if (vcpu.has_file) watch_file(vcpu, false);
    vcpu.times.since = hart::time();
    line_up(vcpu, vcpu.times.since);
}

void Core::block(Vcpu& vcpu) {
    charge_current(hart::time());  // before it may come into the queue again, which is in order
    vcpu.place = Vcpu::Place::blocked;
    must_choose = true;
    wake_if_pending(vcpu);
}

void Core::hold(Vcpu& vcpu) {
    bool const would_run = vcpu.place == Vcpu::Place::running || vcpu.place == Vcpu::Place::queued ||
                           vcpu.place == Vcpu::Place::throttled;
    charge_current(hart::time());
    unqueue(vcpu);
    if (would_run) vcpu.place = Vcpu::Place::held;
    forget(vcpu);
    vcpu.paused.store(true, std::memory_order_release);
    deadlines.remove(vcpu);
    must_choose = true;
}

void Core::go_on(Vcpu& vcpu) {
    vcpu.paused.store(false, std::memory_order_release);
    if (vcpu.place == Vcpu::Place::held) {
        vcpu.place = Vcpu::Place::nowhere;
        make_runnable(vcpu);
    }
    wake_if_pending(vcpu);
    note_deadline(vcpu);
    set_timer();
}

void Core::retire(Vcpu& vcpu) {
    charge_current(hart::time());
    unqueue(vcpu);
    deadlines.remove(vcpu);
    vcpu.place = Vcpu::Place::nowhere;
    must_choose = true;
}

void Core::forget(Vcpu& vcpu) {
    if (current != &vcpu) return disown_units(vcpu);
    unload(vcpu);
    disown_units(vcpu);
    csr::vsie::write({});  // or what is pending for it would end every wfi of this hart
    must_choose = true;
}

void Core::abandon(Vcpu& vcpu) {
    disown_units(vcpu);
    if (current != &vcpu) return;
    taint_units(vcpu);
    if (vcpu.has_file) {
        csr::hvictl::write({});
        hart::fence_io();  // its messages, before the hart leaves its space
    }
    current = nullptr;
    vcpu.loaded.store(false, std::memory_order_seq_cst);
    csr::vsie::write({});
}

// Guest memory is seen while its VM is served here: a vCPU that is not gets its turn first, as wfi may end
// for no reason, and does the work when it is loaded.
void Core::serve_devices(Vcpu& vcpu) {
    bool const sees = view.serves() == &vcpu.vm.ram().space();
    if (sees || vcpu.place == Vcpu::Place::nowhere || vcpu.restarts_on_wake) {
        if (!vcpu.vm.machine().serve_work()) return;
        vcpu.signal(Request::device_work);
        send_ipi(index);  // the guest may be entered before this hart looks
        return;
    }
    vcpu.requests.fetch_or(static_cast<u32>(Request::device_work), std::memory_order_seq_cst);
    if (!vcpu.paused.load(std::memory_order_relaxed)) make_runnable(vcpu);
}

void Core::wake_if_pending(Vcpu& vcpu) {
    if (vcpu.place != Vcpu::Place::blocked || vcpu.paused.load(std::memory_order_relaxed)) return;
    auto const hvip = current == &vcpu ? csr::hvip::read_raw() : vcpu.csrs.hvip;
    auto const due = vcpu.vm.timer_deadline(vcpu, *this);
    if (hvip == 0 && due > hart::time() && !(vcpu.has_file && file_signals(vcpu))) {
        if (vcpu.has_file) watch_file(vcpu, true);
        return deadlines.set(vcpu, due);
    }
    if (vcpu.restarts_on_wake) vcpu.vm.resume_at_entry(vcpu);
    make_runnable(vcpu);
}

void Core::timer_fired() {
    timer_set = 0;  // what fired stays pending until another time is set
    auto const now = hart::time();
    while (deadlines.next() <= now) {
        auto& vcpu = static_cast<Vcpu&>(*deadlines.first());
        deadlines.remove(vcpu);
        vcpu.vm.serve_timer(vcpu, *this, now);
        wake_if_pending(vcpu);
        if (vcpu.place != Vcpu::Place::blocked) note_deadline(vcpu);
    }
    release_throttled(now);
    start_what_is_due(now);
    if (now >= slice_end) must_choose = true;
    if (now >= poll_at) {
        poll_console();
        poll_at = now + poll_period;
    }
    if (now >= watch_at) watch_at = watch_neighbour(now);
    if (now >= background_at) {
        background_at = never;
        ask_background();
    }
    set_timer();
}

void Core::set_timer() {
    u64 next = poll_at;
    if (background_at < next) next = background_at;
    if (watch_at < next) next = watch_at;
    for (auto const* vm = delayed; vm != nullptr; vm = vm->next_to_start)
        if (vm->start_at < next) next = vm->start_at;
    for (auto const* vcpu = throttled; vcpu != nullptr; vcpu = vcpu->next_throttled)
        if (vcpu->allowance.period_end < next) next = vcpu->allowance.period_end;
    quiet_until = next;
    if (slice_end < next) next = slice_end;
    if (deadlines.next() < next) next = deadlines.next();
    if (next == timer_set) return;
    timer_set = next;
    set_host_timer({next});
}

bool Core::serve_interrupts() {
    note_opening();
    auto const pending = csr::sip::read_raw() & host_any;
    bool const woke = files.watched != 0 && serve_files();
    if (pending == 0) return woke;
    heartbeat.store(hart::time(), std::memory_order_relaxed);
    // Another hart calls by a software interrupt, or by one of the board's.
    bool called = (pending & host_software) != 0;
    if (called) csr::sip::clear_bits(host_software);
    if ((pending & host_external) != 0) called = serve_external_interrupt() || called;
    if (called) answer_call();
    if ((pending & host_timer) != 0) timer_fired();
    return true;
}

void Core::start_later(Vm& vm) {
    auto& list = vm.start_at > hart::time() ? delayed : starting;
    vm.next_to_start = list;
    list = &vm;
    must_choose = true;
    if (delayed != nullptr) set_timer();
}

void Core::start_what_is_due(u64 now) {
    for (auto** link = &delayed; *link != nullptr;) {
        auto& vm = **link;
        if (vm.start_at > now && !vm.is_unplugged()) {
            link = &vm.next_to_start;
            continue;
        }
        *link = vm.next_to_start;
        vm.next_to_start = starting;
        starting = &vm;
        must_choose = true;
    }
}

void Core::start_step() {
    auto& vm = *starting;
    if (vm.is_settling()) {
        // The machine may end with it, so it leaves the list first.
        starting = vm.next_to_start;
        if (!vm.settle_step()) starting = &vm;
        return;
    }
    if (vm.is_unplugged()) {
        starting = vm.next_to_start;
        return vm.never_mind();
    }
    auto const step = vm.power_on_step();
    if (step && !step.value()) return;
    starting = vm.next_to_start;
    if (!step) vm.could_not_start(step.error());
}

void Core::say_farewell() {
    farewell.store(false, std::memory_order_seq_cst);
    auto const end = hart::time() + stall.exchange(0);
    while (hart::time() < end) hart::pause();
    if (floats_owner != nullptr && floats_owner->vm.is_leaving()) floats_owner = nullptr;
    if (vector_owner != nullptr && vector_owner->vm.is_leaving()) vector_owner = nullptr;
    if (files.count != 0) take_files_of_leaving();
    // Whose space this hart still shows, though it runs nobody of it.
    if (current == nullptr)
        view.leave([] {
            csr::vsatp::write({});
            csr::hgatp::write({});
        });
    start_what_is_due(hart::time());  // one that waits to be started again may have been unplugged
    farewells.fetch_add(1, std::memory_order_release);
}

void Core::look_after_machine() {
    background.store(false, std::memory_order_seq_cst);
    background_at = serve_background();
    set_timer();
}

void Core::wait_idle() {
    auto const since = hart::time();
    idle_since.store(since, std::memory_order_relaxed);
    hart::wait_for_interrupt();
    idle_ticks.store(idle_ticks.load(std::memory_order_relaxed) + hart::time() - since,
                     std::memory_order_relaxed);
    idle_since.store(0, std::memory_order_relaxed);
}

void Core::wait_until_runnable() {
    slice_end = never;  // nobody's turn ends
    while (queue.empty()) {
        say_idle();
        set_timer();
        // Interrupts stay off: wfi resumes when one is pending, and it is served here.
        bool const served = serve_interrupts();
        if (background.load(std::memory_order_relaxed)) look_after_machine();
        if (farewell.load(std::memory_order_relaxed)) say_farewell();
        if (starting != nullptr) {
            start_step();
        } else if (!served && inbox.load(std::memory_order_relaxed) == nullptr &&
                   arrivals.load(std::memory_order_relaxed) == nullptr &&
                   !background.load(std::memory_order_relaxed)) {
            wait_idle();
            note_closing();
            // What ended the wait is answered here: the guest that it woke is not interrupted by it again.
            static_cast<void>(serve_interrupts());
            continue;
        }
        serve_inbox();
    }
    if (team != nullptr) team->idle.fetch_and(~Team::bit(index));
}

Vcpu& Core::choose() {
    if (background.load(std::memory_order_relaxed)) look_after_machine();
    if (farewell.load(std::memory_order_relaxed)) say_farewell();
    // What is served may ask for more; if it does not end, the guest has its turn first.
    constexpr u32 most_rounds = 4;
    for (u32 i = 0; i < most_rounds && inbox.load(std::memory_order_relaxed) != nullptr; ++i) serve_inbox();
    if (inbox.load(std::memory_order_relaxed) != nullptr) send_ipi(index);
    if (current != nullptr && current->place == Vcpu::Place::running && !must_choose) return *current;
    must_choose = false;
    auto const now = hart::time();
    charge_current(now);
    if (starting != nullptr) {
        start_step();
        // Its last step has told a vCPU to start, mostly one of this hart, which nobody else would look for.
        if (inbox.load(std::memory_order_relaxed) != nullptr) serve_inbox();
    }
    bool const stays = has_hardly_begun(now);
    if (!stays && current != nullptr && current->place == Vcpu::Place::running) put_back(*current);
    if (team != nullptr && (has_strangers || queue.size() > 1)) share_work();
    auto& next = stays ? *current : take_next();
    // Somebody who starts meanwhile gets a step at every exit, and exits often enough.  So does what was
    // asked of this hart while it chose.
    must_choose = starting != nullptr || background.load(std::memory_order_relaxed) ||
                  farewell.load(std::memory_order_relaxed);
    charged_at = hart::time();
    if (!stays) turn_began = charged_at;
    slice_end = must_choose ? charged_at + start_slice : turn_end(next);
    if (stays && !queue.empty()) slice_end = std::min(slice_end, turn_began + least_turn);
    if (team != nullptr) tell_crowd();
    set_wait_trap(next);
    set_timer();
    if (next.tells_stolen) [[unlikely]]
        tell_stolen(next);
    return next;
}

Vcpu& Core::take_next() {
    for (;;) {
        if (queue.empty()) wait_until_runnable();
        auto& next = static_cast<Vcpu&>(*queue.pop_front());
        next.place = Vcpu::Place::running;
        next.times.stolen += hart::time() - next.times.since;
        if (current == &next) return next;
        if (current != nullptr) unload(*current);
        // Its VM may have ended meanwhile, which load() learns.
        if (!load(next) || next.place == Vcpu::Place::running) return next;
    }
}

// True: something came meanwhile, and the vCPU may not run any more.
bool Core::load(Vcpu& vcpu) {
    vcpu.loaded.store(true, std::memory_order_seq_cst);
    current = &vcpu;
    vcpu.vm.enter_space(vcpu, *this);
    csr::vsatp::write({});
    hart::load_guest_csrs(vcpu.csrs, has);
    if ((vcpu.changed.raw | tainted.raw) != 0) bring_units(vcpu);
    if (vcpu.has_file) [[unlikely]]
        load_file(vcpu);
    // What was asked before `loaded` was seen is served before the guest runs.
    if (vcpu.requests.load(std::memory_order_seq_cst) == 0) return false;
    deliver(vcpu);
    return true;
}

void Core::unload(Vcpu& vcpu) {
    hart::save_guest_csrs(vcpu.csrs, has);
    park_units(vcpu);
    if (vcpu.beside() != 0) [[unlikely]] {
        if (vcpu.has_file) unload_file(vcpu);
        if (vcpu.tells_stolen) tell_preempted(vcpu);
    }
    current = nullptr;
    vcpu.loaded.store(false, std::memory_order_seq_cst);
}

Vcpu& Core::hand_over_more(Vcpu& from) {
    return *hand_over<Outlook::more>(from, [this](Vcpu& next) { return &go_on_with(next); });
}

Vcpu* Core::wake_beside_more(Vcpu& from, Vcpu& woken, u64 interrupts) {
    if (!may_run(woken)) return nullptr;
    return give_hart_to_woken<Outlook::more>(from, woken, interrupts,
                                             [this](Vcpu& next) { return &go_on_with(next); });
}

Vcpu& Core::hand_over_files(Vcpu& from) {
    return *hand_over<Outlook::files>(from, [this](Vcpu& next) { return &go_on_with(next); });
}

Vcpu& Core::hand_over_all(Vcpu& from) {
    return *hand_over<Outlook::all>(from, [this](Vcpu& next) { return &go_on_with(next); });
}

Vcpu& Core::go_on_with(Vcpu& next) {
    if (current == &next) {
        deliver(next);
    } else {
        static_cast<void>(load(next));
    }
    must_choose = true;
    return choose();
}

// What the team should know of this hart's guest.
void Core::tell_native(bool native) {
    waits_natively = native;
    if (native && !is_dedicated()) {
        team->native.fetch_or(Team::bit(index));
    } else {
        team->native.fetch_and(~Team::bit(index));
    }
}

}  // namespace antler::vm
