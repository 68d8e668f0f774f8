// Each hart looks after the next one, and says when it takes no interrupts any more.
#include "boot/control.hpp"
#include "boot/system.hpp"
#include "vm/outside.hpp"

namespace antler::boot {
namespace {

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
    auto& next = *all.cores[(here.index + 1) % all.core_count];
    auto const beat = next.heartbeat.load(std::memory_order_relaxed);
    switch (here.watch.look(beat)) {
        case HeartbeatWatch::Verdict::fine: break;
        case HeartbeatWatch::Verdict::ask: send_ipi(next.index); break;
        case HeartbeatWatch::Verdict::stuck: boot::report_stuck(all, next, now, beat); break;
    }
    return now + all.board.timebase.ticks(Nanos{HeartbeatWatch::period_milliseconds * 1'000'000}).n;
}

}  // namespace antler::vm
