// Each hart looks after the next one, and says when it takes no interrupts any more, and where it is.
#include "boot/control.hpp"
#include "boot/image.hpp"
#include "boot/system.hpp"
#include "isa/csr_status.hpp"
#include "vm/outside.hpp"

namespace antler::boot {
namespace {

// An interrupt does not reach it: the firmware stops it between two instructions and has it write down where
// it is, while it goes on.  The answer is there at the next look.
void locate(System& all, BootCore& core) {
    core.answers_before = core.whereabouts.answers.load(std::memory_order_acquire);
    if (core.tells_whereabouts && !all.firmware.raise_event(core.id)) core.tells_whereabouts = false;
}

[[nodiscard]] u64 offset_of(u64 pc) {
    return image::code().contains(Hpa{pc}) ? pc - image::code().start.raw() : 0;
}

// In words, and as the offsets that `antler symbolize` has names for.
void describe_place(BootCore const& core, backend::Event& event, TextBuffer<120>& words) {
    auto const& where = core.whereabouts;
    if (!core.tells_whereabouts) {
        words.write("; the firmware cannot ask it where it is");
    } else if (where.answers.load(std::memory_order_acquire) == core.answers_before) {
        words.write("; nor does it tell the firmware where it is");
    } else if (isa::Hstatus::spv::get(where.hstatus) != 0) {
        print(words, "; it is in its guest, at {:x}", where.pc);
    } else {
        event.own_pc = offset_of(where.pc);
        event.own_caller = offset_of(where.return_address);
        print(words, "; it is at image+{:x}", event.own_pc);
        if (event.own_caller != 0) print(words, ", last called from image+{:x}", event.own_caller);
    }
}

void report_stuck(System& all, BootCore const& core, u64 now, u64 beat) {
    auto const silent = all.board.timebase.nanos({now - beat});
    backend::Event event{
        .type = abi::control::Type::event_hart_stuck, .id = core.index, .at = silent.n, .number = core.id};
    TextBuffer<120> place;
    describe_place(core, event, place);
    // A glance: that hart is beyond keeping its own state in order.
    if (auto const* const vcpu = core.current; vcpu != nullptr) {
        event.pc = vcpu->pc;
        event.name.write(vcpu->vm.name());
        say("antler: hart {} has served no interrupt for {} ms{}; it serves vCPU {} of {}, at {:x}\n",
            core.id, silent.n / 1'000'000, place.view(), vcpu->id, vcpu->vm.name(), vcpu->pc);
    } else {
        say("antler: hart {} has served no interrupt for {} ms{}, and runs no guest\n", core.id,
            silent.n / 1'000'000, place.view());
    }
    tell(all, event);
}

}  // namespace
}  // namespace antler::boot

namespace antler::vm {

u64 watch_neighbour(u64 now) {
    auto& all = boot::system();
    auto& here = boot::this_boot_core();
    auto& next = *all.cores[(here.index + 1) % all.core_count];
    auto const beat = next.heartbeat.load(std::memory_order_relaxed);
    switch (here.watch.look(beat)) {
        case HeartbeatWatch::Verdict::fine: break;
        case HeartbeatWatch::Verdict::ask: send_ipi(next.index); break;
        case HeartbeatWatch::Verdict::locate: boot::locate(all, next); break;
        case HeartbeatWatch::Verdict::stuck: boot::report_stuck(all, next, now, beat); break;
    }
    return now + all.board.timebase.ticks(Nanos{HeartbeatWatch::period_milliseconds * 1'000'000}).n;
}

}  // namespace antler::vm
