// The life of a virtual machine: power on, harts that start and stop, and what follows its end.
#include "vm/vm.hpp"

#include "hart/csr.hpp"
#include "hart/fence.hpp"
#include "hart/float_vector.hpp"
#include "vm/device_tree_of.hpp"
#include "vm/guest_time.hpp"
#include "vm/outside.hpp"

namespace antler::vm {

using abi::sbi::HartState;
using abi::sbi::Status;
using isa::ContextStatus;

namespace {

u64 in_host_time(u64 guest_time, u64 delta) {
    return vm::in_host_time(guest_time, delta, hart::time());
}

// What henvcfg gives a guest: only what it was told of.   [norm:henvcfg_stce] [norm:henvcfg_pbmte_op]
isa::Henvcfg granted_environment(isa::Features const& shown) {
    using E = isa::Henvcfg;
    u64 raw = 0;
    raw = E::stce::set(raw, shown.sstc);
    raw = E::pbmte::set(raw, shown.svpbmt);
    raw = E::adue::set(raw, shown.svadu);
    raw = E::cbie::set(raw, shown.zicbom ? isa::CacheInvalidate::flushes : isa::CacheInvalidate::traps);
    raw = E::cbcfe::set(raw, shown.zicbom);
    raw = E::cbze::set(raw, shown.zicboz);
    return {raw};
}

// What hstateen0 opens: senvcfg and sstateen0, whose state moves with the vCPU.   [norm:hstateen0_envcfg_op]
isa::Hstateen0 granted_state(bool files) {
    using H = isa::Hstateen0;
    u64 const raw = H::se::set(H::envcfg::set(0, true), true);
    // Where VGEIN is zero stopei and the file's registers trap all the same.          [aia CSRs, VS CSRs]
    return {files ? H::csrind::set(H::aia::set(H::imsic::set(raw, true), true), true) : raw};
}

}  // namespace

Vm::Vm(Parts const& parts)
    : description_{parts.description},
      shown_{parts.shown},
      interrupts_{parts.interrupts},
      ram_{parts.ram},
      timebase_{parts.timebase},
      host_isa_{parts.host_isa},
      ids_{parts.ids},
      machine_{*this, description_.vcpus, interrupts_, timebase_},
      weight_{description_.share.weight},
      cap_{description_.share.cap},
      identities_{parts.identities} {
    if (has_files()) VERIFY(machine_.add_files(description_.vcpus).ok());
}

void Vm::deliver_message(Gpa at, u32 data) {
    auto const offset = at - imsic_start;
    if (!has_files() || offset % page_bytes != isa::seteipnum_le) return;
    if (auto const* const target = vcpu(offset / page_bytes); target != nullptr) target->file->send(data);
}

void Vm::observe_files(FileObserver& observer) {
    observer.next_ = file_observers_;
    file_observers_ = &observer;
}

void Vm::file_leaves(Vcpu& vcpu, Hpa page) {
    for (auto* each = file_observers_; each != nullptr; each = each->next_) each->file_leaves(vcpu, page);
}

void Vm::file_lives_at(Vcpu& vcpu, Hpa page) {
    for (auto* each = file_observers_; each != nullptr; each = each->next_) each->file_lives_at(vcpu, page);
}

Result<void> Vm::power_on() {
    placing_ = {};
    while (!TRY(power_on_step())) this_core().serve_fences();
    return {};
}

Result<bool> Vm::power_on_step() {
    is_starting_.store(true, std::memory_order_release);
    if (starts_ == 0 && !TRY(machine_.load_flash_step())) return false;
    if (machine_.has_dma()) return false;  // a disk still writes for the life before
    if (description_.takes_all_memory() && !TRY(ram_.fill_step())) return false;
    if (placing_.image <= description_.segment_count) {
        bool const is_initrd = placing_.image == description_.segment_count;
        auto const& image = is_initrd ? description_.initrd : description_.segments[placing_.image];
        if (image.memory_bytes == 0 || TRY(ram_.place_step(image, placing_.done)))
            placing_ = {placing_.image + 1, 0};
        return false;
    }
    if (!TRY(ram_.bring_step(description_.device_tree))) return false;
    TRY(write_device_tree(*this));
    for (u32 id = 0; id < description_.vcpus; ++id)
        vcpus_[id]->paused.store(false, std::memory_order_relaxed);
    suspended_.store(false, std::memory_order_relaxed);
    started_at_ = hart::time();
    time_delta_ = u64{0} - started_at_;  // the guest's time starts at zero
    ++starts_;
    ending_.store(Ending::none, std::memory_order_seq_cst);
    is_starting_.store(false, std::memory_order_release);
    if (start_hart(0, {description_.entry.raw(), description_.device_tree.raw()}) != Status::success)
        return Err{Error::bad_state};
    if (machine_.has_kept_flash()) machine_.ask_for_work();  // nobody heard of what ended meanwhile
    if (is_unplugged()) end(Ending::unplugged);  // whoever did it may have found that it did not run yet
    return true;
}

void Vm::unplug() {
    unplugged_.store(true, std::memory_order_seq_cst);
    // While it starts, whoever starts it finds out; while it ends, whoever ends it.
    if (!is_starting_.load(std::memory_order_seq_cst) && alive_.load(std::memory_order_seq_cst) != 0)
        end(Ending::unplugged);
}

void Vm::reset() {
    if (alive_.load(std::memory_order_seq_cst) != 0) end(Ending::reset);
}

void Vm::start_later() {
    is_starting_.store(true, std::memory_order_seq_cst);
    this_core().start_later(*this);
}

void Vm::suspend() {
    if (suspended_.exchange(true, std::memory_order_acq_rel)) return;
    still_since_ = 0;
    for (u32 id = 0; id < description_.vcpus; ++id) vcpus_[id]->signal(Request::pause_changed);
}

bool Vm::stands_still() {
    if (!is_suspended()) return false;
    for (u32 id = 0; id < description_.vcpus; ++id)
        if (!vcpus_[id]->paused.load(std::memory_order_acquire)) return false;
    if (still_since_ == 0) still_since_ = hart::time();
    return true;
}

// The guest's clock goes on where it stood, so no timer of its is late.   [norm:htimedelta_sz_acc_op]
void Vm::resume() {
    if (!stands_still()) return;
    time_delta_ -= hart::time() - still_since_;
    suspended_.store(false, std::memory_order_release);
    machine_.resumed();
    for (u32 id = 0; id < description_.vcpus; ++id) vcpus_[id]->signal(Request::pause_changed);
}

void Vm::serve_pause(Vcpu& vcpu) {
    bool const pause = is_suspended();
    if (pause == vcpu.paused.load(std::memory_order_relaxed)) return;
    if (pause) return vcpu.home->hold(vcpu);
    vcpu.csrs.htimedelta = time_delta_;
    vcpu.home->go_on(vcpu);
}

abi::control::VmState Vm::state() const {
    using abi::control::VmState;
    if (is_over()) return preserved_ ? VmState::crashed : VmState::off;
    if (is_starting_.load(std::memory_order_acquire)) return VmState::starting;
    if (is_ending() || is_unplugged()) return VmState::stopping;
    if (is_suspended()) return VmState::suspended;
    return starts_ == 0 ? VmState::off : VmState::running;
}

Status Vm::start_hart(u64 id, Entry entry) {
    auto* const target = vcpu(id);
    if (target == nullptr) return Status::invalid_param;
    // Counted first: a hart that can be stopped is one that counts.
    alive_.fetch_add(1, std::memory_order_acq_rel);
    auto expected = HartState::stopped;
    if (!target->hart_state.compare_exchange_strong(expected, HartState::start_pending)) {
        one_less();
        return Status::already_available;
    }
    target->entry = entry;  // ours alone while the hart is start_pending and was not told
    target->signal(Request::start);
    // Whoever ends the VM has told every vCPU; one that starts afterwards tells itself.
    if (is_ending()) target->signal(Request::stop);
    return Status::success;
}

void Vm::begin(Vcpu& vcpu) {
    if (vcpu.hart_state.load(std::memory_order_acquire) != HartState::start_pending) return;
    // Only the level of its line outlives a stop; nobody would tell of it again.
    vcpu.csrs.hvip =
        vcpu.external.load(std::memory_order_acquire) ? isa::Hvip::bit(isa::Interrupt::vs_external) : 0;
    if (vcpu.has_file) begin_file(vcpu);
    vcpu.csrs.vstimecmp = abi::sbi::never;
    vcpu.timer = abi::sbi::never;
    vcpu.restarts_on_wake = false;
    vcpu.tells_stolen = false;
    vcpu.home->adopt(vcpu);
    reset_registers(vcpu);
    // Fences for it were not sent while it was stopped.
    last_on_hart_[vcpu.home->index].store(nullptr, std::memory_order_relaxed);
    vcpu.hart_state.store(HartState::started, std::memory_order_release);
    vcpu.virtual_time = vcpu.home->queue.floor();
    give_share(vcpu);
    vcpu.home->make_runnable(vcpu);
}

// What it keeps of before the stop is from this life.
void Vm::begin_file(Vcpu& vcpu) {
    if (vcpu.file->life != starts_) {
        vcpu.home->take_file(vcpu);
        vcpu.file->reset();
    }
    vcpu.file->life = starts_;
    if (vcpu.file->guest() != 0) return;
    vcpu.file->collect();
    vcpu.home->set_external(vcpu, vcpu.file->signals());
}

void Vm::set_share(u32 weight, u32 cap) {
    weight_.store(weight, std::memory_order_relaxed);
    cap_.store(cap, std::memory_order_relaxed);
    for (u32 id = 0; id < description_.vcpus; ++id) vcpus_[id]->signal(Request::share_changed);
}

void Vm::pin(Vcpu& vcpu, u64 harts) {
    vcpu.affinity.store(harts, std::memory_order_relaxed);
    vcpu.signal(Request::share_changed);
}

void Vm::give_share(Vcpu& vcpu) {
    constexpr u32 percent = 100;
    vcpu.weight = weight_.load(std::memory_order_relaxed);
    vcpu.allowance.per_period = Core::cap_period * cap_.load(std::memory_order_relaxed) / percent;
}

void Vm::resume_at_entry(Vcpu& vcpu) {
    vcpu.restarts_on_wake = false;
    reset_registers(vcpu);
}

// The state of a hart that SBI starts: supervisor mode, satp zero, interrupts off, a0 and a1.   [sbi ext-hsm]
void Vm::reset_registers(Vcpu& vcpu) {
    auto& core = *vcpu.home;
    core.forget(vcpu);
    vcpu.x = {};
    vcpu.x[10] = vcpu.id;
    vcpu.x[11] = vcpu.entry.opaque;
    vcpu.pc = vcpu.entry.pc;
    vcpu.guest_hart = vcpu.id;
    vcpu.guest_harts = description_.vcpus;
    vcpu.owns_timer = shown_.sstc;
    if (vcpu.changed.has(Units::floats)) vcpu.floats = {};
    if (vcpu.changed.has(Units::vector)) {
        vcpu.vector.state = {};
        __builtin_memset(vcpu.vector.registers, 0, core.vector_bytes * 32);
    }
    vcpu.changed = {};

    using S = isa::Sstatus;
    u64 status = S::uxl::set(0, isa::WidthCode::rv64);
    status = S::spp::set(status, true);   // sret enters VS-mode, not VU-mode
    status = S::spie::set(status, true);  // SIE tells an event of the firmware's that a guest runs
    status = S::sum::set(status, true);   // the hypervisor reads guest memory through windows of user pages
    status = S::fs::set(status, shown_.f ? ContextStatus::clean : ContextStatus::off);
    status = S::vs::set(status, vcpu.vector.registers != nullptr ? ContextStatus::clean : ContextStatus::off);
    vcpu.sstatus = status;

    using H = isa::Hstatus;
    u64 hstatus = H::vsxl::set(0, isa::WidthCode::rv64);
    hstatus = H::spv::set(hstatus, true);
    hstatus = H::spvp::set(hstatus, true);
    hstatus = H::vtvm::set(hstatus, description_.policies.trap_memory);
    hstatus = H::vtsr::set(hstatus, description_.policies.trap_return);
    if (vcpu.has_file) hstatus = H::vgein::set(hstatus, static_cast<u8>(vcpu.file->guest()));
    vcpu.hstatus = hstatus;

    // What is pending and when the timer is due outlive a suspend.
    vcpu.csrs = {.hvip = vcpu.csrs.hvip, .vstimecmp = vcpu.csrs.vstimecmp};
    vcpu.csrs.vsstatus = isa::Vsstatus::uxl::set(0, isa::WidthCode::rv64);
    vcpu.csrs.htimedelta = time_delta_;
    vcpu.csrs.hcounteren = 7;  // cycle, time and instret   [norm:hcounteren_op]
    vcpu.csrs.scounteren = 7;  // as firmware leaves it: Linux counts on user programs reading the time
    vcpu.csrs.henvcfg = granted_environment(shown_).raw;
    vcpu.csrs.hstateen0 = granted_state(has_files()).raw;
}

void Vm::end(Ending how) {
    // Whoever ends it counts until all are told: one of them may stop meanwhile and be the last.
    for (auto alive = alive_.load(std::memory_order_seq_cst);;) {
        if (alive == 0) return;  // the last one has concluded
        if (alive_.compare_exchange_weak(alive, alive + 1, std::memory_order_seq_cst)) break;
    }
    auto expected = Ending::none;
    if (ending_.compare_exchange_strong(expected, how))
        for (u32 id = 0; id < description_.vcpus; ++id) vcpus_[id]->signal(Request::stop);
    one_less();
}

// Also what hart_stop does to one vCPU of a VM that lives on.
void Vm::stopped(Vcpu& vcpu) {
    auto const before = vcpu.hart_state.exchange(HartState::stopped, std::memory_order_acq_rel);
    if (before == HartState::stopped) return;
    auto& core = *vcpu.home;
    core.retire(vcpu);
    if (is_ending()) {
        core.forget(vcpu);  // whoever looks at what is left of it finds its registers
        core.take_file(vcpu);
    } else {
        core.abandon(vcpu);
        if (vcpu.has_file) core.rest_file(vcpu);
    }
    core.dismiss(vcpu);
    vcpu.tells_stolen = false;
    vcpu.csrs.hvip = 0;
    one_less();
}

// The last one of an ending VM concludes; a VM whose harts all stopped by themselves has powered off.
void Vm::one_less() {
    if (alive_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    auto expected = Ending::none;
    ending_.compare_exchange_strong(expected, Ending::poweroff);
    conclude();
}

Afterwards Vm::what_follows(Ending how) const {
    if (is_unplugged()) return Afterwards::destroy;
    switch (how) {
        case Ending::unplugged: return Afterwards::destroy;
        case Ending::reset: return Afterwards::restart;
        case Ending::reboot: return description_.policies.on_reboot;
        case Ending::crash: return description_.policies.on_crash;
        case Ending::none:
        case Ending::poweroff: return description_.policies.on_poweroff;
    }
    return Afterwards::destroy;
}

void Vm::conclude() {
    auto const how = ending_.load(std::memory_order_acquire);
    auto const after = what_follows(how);
    crashed_ = crashed_ || how == Ending::crash;
    last_words_ = how == Ending::crash       ? "crashed"
                  : how == Ending::reboot    ? "asked for a reboot"
                  : how == Ending::unplugged ? "destroyed"
                  : how == Ending::reset     ? "reset"
                                             : "powered off";
    if (after == Afterwards::restart) return start_again(how);
    preserved_ = after == Afterwards::preserve;
    if (preserved_)
        return take_leave(how == Ending::crash ? "crashed; its memory is kept" : "ended; its memory is kept");
    take_leave(how == Ending::reboot ? "asked for a reboot and ended" : last_words_);
}

// A VM that fails again and again waits twice as long each time, up to a minute; one that ran for a minute
// has not failed.
void Vm::start_again(Ending how) {
    constexpr Nanos most{60'000'000'000};
    auto const now = hart::time();
    bool const ran_long = now - started_at_ >= timebase_.ticks(most).n;
    failures_ = how != Ending::crash || ran_long ? 0 : failures_ + 1;
    Nanos wait{};
    if (failures_ != 0) {
        wait = Nanos{u64{description_.policies.restart_delay_ms} * 1'000'000};
        for (u32 i = 1; i < failures_ && wait < most; ++i) wait = wait + wait;
        if (wait > most) wait = most;
    }
    start_at = wait.n == 0 ? 0 : now + timebase_.ticks(wait).n;
    machine_.reset(description_.vcpus);
    // The new controller holds every line low, and has not said so.
    for (u32 id = 0; id < description_.vcpus; ++id)
        vcpus_[id]->external.store(false, std::memory_order_release);
    placing_ = {};
    start_later();
    announce(*this, how == Ending::crash ? "crashed, starting again" : "starting again");
}

void Vm::could_not_start(Error why) {
    crashed_ = true;
    last_words_ = describe(why);
    take_leave(last_words_);
}

void Vm::never_mind() {
    last_words_ = "destroyed";
    take_leave(last_words_);
}

// What a disk keeps for it is there before anybody hears that it has ended.
void Vm::take_leave(std::string_view words) {
    farewell_ = words;
    if (machine_.has_kept_flash()) {
        is_settling_ = true;
        start_at = 0;
        return this_core().start_later(*this);
    }
    announce(*this, words);
    is_gone();
}

bool Vm::settle_step() {
    if (!machine_.settle_flash()) return false;
    is_settling_ = false;
    if (machine_.lost_flash()) announce(*this, "its disk did not take all of its flash memory");
    announce(*this, farewell_);
    is_gone();
    return true;
}

void Vm::is_gone() {
    is_starting_.store(false, std::memory_order_release);
    over_.store(true, std::memory_order_release);
    machine_went_away(*this);
}

void Vm::serve_fences(Vcpu& vcpu, bool is_loaded) {
    auto const asked = vcpu.fences_asked.load(std::memory_order_acquire);
    bool all = vcpu.fences_overflowed.exchange(false, std::memory_order_acq_rel);
    while (auto const fence = vcpu.fences.with([](auto& ring) { return ring.pop(); })) {
        if (is_loaded) execute(*fence);
    }
    if (is_loaded && all) {
        hart::fence_i(FenceSite::asked_too_often_code);
        hart::hfence_vvma_all(FenceSite::asked_too_often_tables);
    }
    // What is not loaded is fenced whole when it comes back.
    if (!is_loaded) last_on_hart_[vcpu.home->index].store(nullptr, std::memory_order_relaxed);
    vcpu.fences_done.store(asked, std::memory_order_release);
}

// A deadline in guest time becomes host time; one that lies before the guest's zero is due.
u64 Vm::kept_deadline(Vcpu const& vcpu) const {
    auto host = in_host_time(vcpu.timer, time_delta_);
    if (vcpu.id == 0 && machine_.alarm() < host) host = machine_.alarm();
    return host;
}

u64 Vm::timer_deadline(Vcpu const& vcpu, Core const& core) const {
    auto const kept = kept_deadline(vcpu);
    if (!shown_.sstc) return kept;
    auto const compare = core.current == &vcpu ? hart::csr::vstimecmp::read_raw() : vcpu.csrs.vstimecmp;
    auto const own = in_host_time(compare, time_delta_);
    return own < kept ? own : kept;
}

void Vm::serve_timer(Vcpu& vcpu, Core const& core, u64 now) {
    if (vcpu.id == 0 && machine_.alarm() <= now) machine_.alarm_fired();
    if (vcpu.timer == abi::sbi::never || in_host_time(vcpu.timer, time_delta_) > now) return;
    vcpu.timer = abi::sbi::never;
    auto const bit = isa::Hvip::bit(isa::Interrupt::vs_timer);
    if (core.current == &vcpu) {
        hart::csr::hvip::set_bits(bit);
    } else {
        vcpu.csrs.hvip |= bit;
    }
}

// Called on the vCPU's hart while it is loaded.   [sbi ext-time]
void Vm::set_timer(Vcpu& vcpu, u64 guest_time) {
    if (shown_.sstc) return hart::csr::vstimecmp::write_raw(guest_time);
    hart::csr::hvip::clear_bits(isa::Hvip::bit(isa::Interrupt::vs_timer));
    vcpu.timer = guest_time;
    vcpu.home->note_deadline(vcpu);
    vcpu.home->set_timer();
}

}  // namespace antler::vm
