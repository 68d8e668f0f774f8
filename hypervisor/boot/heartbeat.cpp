// Each hart looks after the next one, and says when it takes no interrupts any more, and where it is.
#include "boot/control.hpp"
#include "boot/image.hpp"
#include "boot/system.hpp"
#include "hart/csr.hpp"
#include "vm/outside.hpp"

namespace antler::boot {
namespace {

constexpr Nanos to_answer{2'000'000};
constexpr int least_rounds = 3;

// Its instructions are executed, and still it does not beat: so it is in the hypervisor, since an interrupt
// that waits ends a guest at once.  A hart of QEMU's whose thread the host does not run is silent too.
[[nodiscard]] bool runs_and_is_silent(System const& all, BootCore const& core, u64 beat) {
    for (int round = 0; round < least_rounds; ++round) {
        all.firmware.fence_instructions(core.id);  // comes back when that hart was in the firmware
        auto const end = hart::time() + all.board.timebase.ticks(to_answer).n;
        while (hart::time() < end)
            if (core.heartbeat.load(std::memory_order_relaxed) != beat) return false;
    }
    return true;
}

// An interrupt does not reach it: the firmware stops it between two instructions and has it write down where
// it is, while it goes on.  The answer is there at the next look.  Never while it may run its guest:
// OpenSBI 1.6 enters the handler there without leaving the guest.
void locate(System& all, BootCore& core, u64 beat) {
    core.answers_before = core.whereabouts.answers.load(std::memory_order_acquire);
    if (!core.tells_whereabouts || !runs_and_is_silent(all, core, beat)) return;
    if (!all.firmware.raise_event(core.id)) core.tells_whereabouts = false;
}

[[nodiscard]] u64 offset_of(u64 pc) {
    return image::code().contains(Hpa{pc}) ? pc - image::code().start.raw() : 0;
}

// As offsets that `antler symbolize` has names for.
void report_place(System& all, BootCore const& core) {
    auto const& where = core.whereabouts;
    backend::Event event{.type = abi::control::Type::event_hart_stuck, .id = core.index, .number = core.id};
    if (!core.tells_whereabouts) {
        say("antler: hart {} does not say where it is: the firmware has no software events\n", core.id);
    } else if (where.answers.load(std::memory_order_acquire) == core.answers_before) {
        say("antler: hart {} does not tell the firmware where it is either\n", core.id);
    } else {
        event.own_pc = offset_of(where.pc);
        event.own_caller = offset_of(where.return_address);
        say("antler: hart {} is at image+{:x}, last called from image+{:x}\n", core.id, event.own_pc,
            event.own_caller);
        tell(all, event);
    }
}

void report_stuck(System& all, BootCore const& core, u64 now, u64 beat) {
    auto const silent = all.board.timebase.nanos({now - beat});
    backend::Event event{
        .type = abi::control::Type::event_hart_stuck, .id = core.index, .at = silent.n, .number = core.id};
    // A glance: that hart is beyond keeping its own state in order.
    if (auto const* const vcpu = core.current; vcpu != nullptr) {
        event.pc = vcpu->pc;
        event.name.write(vcpu->vm.name());
        say("antler: hart {} has served no interrupt for {} ms; it serves vCPU {} of {}, at {:x}\n", core.id,
            silent.n / 1'000'000, vcpu->id, vcpu->vm.name(), vcpu->pc);
    } else {
        say("antler: hart {} has served no interrupt for {} ms, and runs no guest\n", core.id,
            silent.n / 1'000'000);
    }
    tell(all, event);
}

}  // namespace
}  // namespace antler::boot

namespace antler::vm {

u64 watch_neighbour(u64 now) {
    auto& all = boot::system();
    auto& here = boot::this_boot_core();
    if (here.is_dedicated()) return Core::never;  // and the one before it looks after those behind it, too
    for (u32 i = 1; i < all.core_count; ++i) {
        auto& next = *all.cores[(here.index + i) % all.core_count];
        bool const rests = next.is_dedicated();
        auto const beat = next.heartbeat.load(std::memory_order_relaxed);
        switch (here.watches[next.index].look(beat, !rests || next.is_asked())) {
            case HeartbeatWatch::Verdict::fine: break;
            case HeartbeatWatch::Verdict::ask: send_ipi(next.index); break;
            case HeartbeatWatch::Verdict::stuck:
                boot::report_stuck(all, next, now, beat);
                boot::locate(all, next, beat);
                break;
            case HeartbeatWatch::Verdict::still_stuck: boot::report_place(all, next); break;
        }
        if (!rests) break;
    }
    return now + all.board.timebase.ticks(Nanos{HeartbeatWatch::period_milliseconds * 1'000'000}).n;
}

}  // namespace antler::vm
