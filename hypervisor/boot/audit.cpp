// The frame table against every table that shows its frames.
#include "boot/audit.hpp"

#include "memory/audit.hpp"

namespace antler::boot {
namespace {

u32 check_spaces(System& all) {
    u32 spaces = 0;
    for (auto* const vm : all.vms) {
        if (vm == nullptr) continue;
        ++spaces;
        if (auto const wrong = memory::audit(vm->ram().space(), !vm->description().on_demand))
            say("antler: audit failed: {}: {} ({:x}, {:x})\n", vm->name(), wrong->what, wrong->at.raw(),
                wrong->frame.raw());
    }
    return spaces;
}

u32 check_guard_pages(System& all) {
    for (u32 i = 0; i < all.core_count; ++i) {
        memory::Hva const guard{all.cores[i]->stack_bottom - page_bytes};
        if (all.house.lookup(guard)) say("antler: audit failed: the guard page of hart {} is mapped\n", i);
    }
    return all.core_count;
}

u32 check_guest_pool(System& all) {
    using memory::granule_bytes;
    u32 granules = 0;
    for (auto const& bank : all.board.memory)
        for (auto at = bank.start.align_up(granule_bytes); at < bank.end(); at = at + granule_bytes) {
            auto const info = all.frames.inspect(at);
            if (!info || info->block.pool != memory::Pool::guest) continue;
            ++granules;
            if (all.house.lookup(memory::Hva{at.raw()}))
                say("antler: audit failed: the house sees guest memory {:x}\n", at.raw());
        }
    return granules;
}

}  // namespace

void audit_memory(System& all) {
    if (all.options.log != control::Options::Log::debug) return;
    auto const spaces = check_spaces(all);
    auto const guards = check_guard_pages(all);
    auto const granules = check_guest_pool(all);
    say("antler: audit: looked at {} spaces, {} guard pages and {} granules of guests\n", spaces, guards,
        granules);
}

}  // namespace antler::boot
