// The life of a virtual machine: power on, harts that start and stop, and what follows its end.
#include "vm/vm.hpp"

#include "hart/csr.hpp"
#include "hart/fence.hpp"
#include "hart/float_vector.hpp"
#include "vm/device_tree_of.hpp"
#include "vm/outside.hpp"

namespace antler::vm {

using abi::sbi::HartState;
using abi::sbi::Status;
using isa::ContextStatus;

namespace {

// Guest time as host time.  "Never" stays so, and so does what no host clock will reach.  A guest that was
// restored may be ahead of this host, so only the distance from now counts.   [norm:htimedelta_sz_acc_op]
u64 in_host_time(u64 guest_time, u64 delta) {
    if (guest_time == abi::sbi::never) return guest_time;
    auto const now = hart::time();
    auto const guest_now = now + delta;
    if (guest_time > guest_now) {
        auto const host = now + (guest_time - guest_now);
        return host < now ? abi::sbi::never : host;
    }
    auto const past = guest_now - guest_time;
    return past < now ? now - past : 0;
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
isa::Hstateen0 granted_state(isa::Features const&) {
    using H = isa::Hstateen0;
    return {H::se::set(H::envcfg::set(0, true), true)};
}

}  // namespace

Vm::Vm(Parts const& parts)
    : description_{parts.description},
      shown_{parts.shown},
      ram_{parts.ram},
      timebase_{parts.timebase},
      host_isa_{parts.host_isa},
      ids_{parts.ids},
      machine_{*this, description_.vcpus, timebase_} {}

Result<void> Vm::power_on() {
    placing_ = {};
    while (!TRY(power_on_step())) this_core().serve_fences();
    return {};
}

Result<bool> Vm::power_on_step() {
    if (placing_.image <= description_.segment_count) {
        bool const is_initrd = placing_.image == description_.segment_count;
        auto const& image = is_initrd ? description_.initrd : description_.segments[placing_.image];
        if (image.memory_bytes == 0 || TRY(ram_.place_step(image, placing_.done)))
            placing_ = {placing_.image + 1, 0};
        return false;
    }
    TRY(write_device_tree(*this));
    ending_.store(Ending::none, std::memory_order_release);
    time_delta_ = u64{0} - hart::time();  // the guest's time starts at zero
    if (start_hart(0, {description_.entry.raw(), description_.device_tree.raw()}) != Status::success)
        return Err{Error::bad_state};
    return true;
}

Status Vm::start_hart(u64 id, Entry entry) {
    auto* const target = vcpu(id);
    if (target == nullptr) return Status::invalid_param;
    // Counted first: a hart that can be stopped is one that counts.
    alive_.fetch_add(1, std::memory_order_acq_rel);
    auto expected = HartState::stopped;
    if (!target->hart_state.compare_exchange_strong(expected, HartState::start_pending)) {
        alive_.fetch_sub(1, std::memory_order_acq_rel);
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
    vcpu.csrs.vstimecmp = abi::sbi::never;
    vcpu.timer = abi::sbi::never;
    vcpu.restarts_on_wake = false;
    reset_registers(vcpu);
    // Fences for it were not sent while it was stopped.
    last_on_hart_[vcpu.home->index].store(nullptr, std::memory_order_relaxed);
    vcpu.hart_state.store(HartState::started, std::memory_order_release);
    vcpu.home->make_runnable(vcpu);
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
    vcpu.floats = {};
    vcpu.vector.state = {};
    if (vcpu.vector.registers != nullptr) __builtin_memset(vcpu.vector.registers, 0, core.vector_bytes * 32);

    using S = isa::Sstatus;
    u64 status = S::uxl::set(0, isa::WidthCode::rv64);
    status = S::spp::set(status, true);  // sret enters VS-mode, not VU-mode
    status = S::sum::set(status, true);  // the hypervisor reads guest memory through windows of user pages
    status = S::fs::set(status, shown_.f ? ContextStatus::clean : ContextStatus::off);
    status = S::vs::set(status, vcpu.vector.registers != nullptr ? ContextStatus::clean : ContextStatus::off);
    vcpu.sstatus = status;

    using H = isa::Hstatus;
    u64 hstatus = H::vsxl::set(0, isa::WidthCode::rv64);
    hstatus = H::spv::set(hstatus, true);
    hstatus = H::spvp::set(hstatus, true);
    hstatus = H::vtvm::set(hstatus, description_.policies.trap_memory);
    hstatus = H::vtsr::set(hstatus, description_.policies.trap_return);
    vcpu.hstatus = hstatus;

    // What is pending and when the timer is due outlive a suspend.
    vcpu.csrs = {.hvip = vcpu.csrs.hvip, .vstimecmp = vcpu.csrs.vstimecmp};
    vcpu.csrs.vsstatus = isa::Vsstatus::uxl::set(0, isa::WidthCode::rv64);
    vcpu.csrs.htimedelta = time_delta_;
    vcpu.csrs.hcounteren = 7;  // cycle, time and instret   [norm:hcounteren_op]
    vcpu.csrs.scounteren = 7;  // as firmware leaves it: Linux counts on user programs reading the time
    vcpu.csrs.henvcfg = granted_environment(shown_).raw;
    vcpu.csrs.hstateen0 = granted_state(shown_).raw;
}

void Vm::end(Ending how) {
    auto expected = Ending::none;
    if (!ending_.compare_exchange_strong(expected, how)) return;
    for (u32 id = 0; id < description_.vcpus; ++id) vcpus_[id]->signal(Request::stop);
    if (alive_.load(std::memory_order_acquire) == 0) conclude();  // it never began
}

// Also what hart_stop does to one vCPU of a VM that lives on.
void Vm::stopped(Vcpu& vcpu) {
    auto const before = vcpu.hart_state.exchange(HartState::stopped, std::memory_order_acq_rel);
    if (before == HartState::stopped) return;
    auto& core = *vcpu.home;
    core.retire(vcpu);
    if (core.current == &vcpu) core.forget(vcpu);
    vcpu.csrs.hvip = 0;
    // The last one of an ending VM concludes; a VM whose harts all stopped by themselves has powered off.
    if (alive_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        auto expected = Ending::none;
        ending_.compare_exchange_strong(expected, Ending::poweroff);
        conclude();
    }
}

void Vm::conclude() {
    auto const how = ending_.load(std::memory_order_acquire);
    auto const& policies = description_.policies;
    auto const after = how == Ending::reboot  ? policies.on_reboot
                       : how == Ending::crash ? policies.on_crash
                                              : policies.on_poweroff;
    crashed_ = crashed_ || how == Ending::crash;
    if (after == Afterwards::restart) {
        announce(*this, how == Ending::crash ? "crashed, starting again" : "starting again");
        machine_.reset(description_.vcpus);
        // The new controller holds every line low, and has not said so.
        for (u32 id = 0; id < description_.vcpus; ++id)
            vcpus_[id]->external.store(false, std::memory_order_release);
        placing_ = {};
        return this_core().start_later(*this);
    }
    announce(*this, how == Ending::crash    ? "crashed"
                    : how == Ending::reboot ? "asked for a reboot and ended"
                                            : "powered off");
    is_gone();
}

void Vm::could_not_start(Error why) {
    crashed_ = true;
    announce(*this, describe(why));
    is_gone();
}

void Vm::is_gone() {
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
        hart::fence_i();
        hart::hfence_vvma_all();
    }
    // What is not loaded is fenced whole when it comes back.
    if (!is_loaded) last_on_hart_[vcpu.home->index].store(nullptr, std::memory_order_relaxed);
    vcpu.fences_done.store(asked, std::memory_order_release);
}

u64 Vm::timer_deadline(Vcpu const& vcpu, Core const& core) const {
    auto deadline = vcpu.timer;
    if (shown_.sstc) {
        auto const compare = core.current == &vcpu ? hart::csr::vstimecmp::read_raw() : vcpu.csrs.vstimecmp;
        if (compare < deadline) deadline = compare;
    }
    // A deadline in guest time becomes host time; one that lies before the guest's zero is due.
    auto host = in_host_time(deadline, time_delta_);
    if (vcpu.id == 0 && machine_.alarm() < host) host = machine_.alarm();
    return host;
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
    vcpu.home->set_timer();
}

void Vm::enter_space(Vcpu& vcpu, Core& core) {
    ram_.enter(core);
    // ASIDs are private to a hart, so what another vCPU of this VM, or this one before it left, has cached
    // here must go.   [norm:asid_hart_private]
    auto& last = last_on_hart_[core.index];
    if (last.load(std::memory_order_relaxed) == &vcpu) return;
    last.store(&vcpu, std::memory_order_relaxed);
    hart::hfence_vvma_all();
    hart::fence_i();
}

void Vm::load_units(Vcpu& vcpu, Core& core) {
    if (core.units_owner == &vcpu) return;
    core.units_owner = &vcpu;
    core.open_units();
    if (shown_.f) hart::load(vcpu.floats);
    if (vcpu.vector.registers != nullptr) hart::load(vcpu.vector);
}

void Vm::save_units(Vcpu& vcpu, Core& core) {
    using S = isa::Sstatus;
    bool const floats = S::fs::get(vcpu.sstatus) == ContextStatus::dirty;
    bool const vector = S::vs::get(vcpu.sstatus) == ContextStatus::dirty;
    if (!floats && !vector) return;
    core.open_units();
    if (floats) hart::save(vcpu.floats);
    if (vector) hart::save(vcpu.vector);
    if (floats) vcpu.sstatus = S::fs::set(vcpu.sstatus, ContextStatus::clean);
    if (vector) vcpu.sstatus = S::vs::set(vcpu.sstatus, ContextStatus::clean);
}

}  // namespace antler::vm
