// The board's interrupts, spread over the harts.
#include "boot/drivers.hpp"

#include "boot/system.hpp"

namespace antler::boot {
namespace {

void open_plics(System& all) {
    if (!all.board.plic) return;
    for (u32 i = 0; i < all.core_count; ++i) {
        auto const* const hart = all.board.hart(all.cores[i]->id);
        if (hart != nullptr && hart->plic_context)
            all.cores[i]->plic.emplace(all.board.plic->registers.start, *hart->plic_context);
    }
}

// One hart for each source, so that no other one is woken in vain.
[[nodiscard]] BootCore* hart_for(System& all, u32 source) {
    for (u32 i = 0; i < all.core_count; ++i) {
        auto& core = *all.cores[(source + i) % all.core_count];
        if (core.plic) return &core;
    }
    return nullptr;
}

void poll_now_and_then(System& all) {
    auto& core = *all.cores[0];
    if (core.poll_period != 0) return;
    core.poll_period = all.board.timebase.ticks(Nanos{10'000'000}).n;
    core.poll_at = hart::time();
}

void listen_to_port(System& all) {
    auto const& board = all.board;
    if (!board.uart) return poll_now_and_then(all);
    auto const& wire = board.uart->interrupt;
    bool const wired = board.plic && wire && wire->controller == board.plic->phandle;
    if (!listen_to(all, wired ? std::optional{wire->source} : std::nullopt, all.port_interrupt))
        poll_now_and_then(all);
}

}  // namespace

void PortInterrupt::interrupted() {
    read_port();
}

Result<void> listen_to(System& all, std::optional<u32> source, platform::InterruptHandler& handler) {
    auto* const core = source ? hart_for(all, *source) : nullptr;
    TRY(all.interrupts.add(core != nullptr ? source : std::nullopt, handler));
    if (core != nullptr)
        core->plic->enable(*source);
    else
        poll_now_and_then(all);
    return {};
}

void open_drivers(System& all) {
    open_plics(all);
    all.virtio.find(all.board, all.house);
    listen_to_port(all);
}

void serve_board_interrupt(System& all) {
    auto& plic = this_boot_core().plic;
    if (!plic) return;
    auto const source = plic->claim();
    if (source == 0) return;
    (void)all.interrupts.serve(source);
    plic->complete(source);
}

}  // namespace antler::boot
