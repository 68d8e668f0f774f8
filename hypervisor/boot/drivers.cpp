// The board's interrupts, spread over the harts.
#include "boot/drivers.hpp"

#include <algorithm>

#include "boot/system.hpp"
#include "hart/csr.hpp"
#include "hart/guarded_csr.hpp"

namespace antler::boot {
namespace {

using platform::AplicHart;
using platform::HostImsic;
using platform::HostPlic;

// The hart reaches its own file: its CSRs are there, and firmware did not close them.
bool has_own_file() {
    return hart::try_read<hart::csr::siselect>() && hart::try_read<hart::csr::stopei>();
}

// As many as both the hart and the map of the board's files have.
void give_guest_files(BootCore& core, platform::BoardImsic const& imsic, Hpa own) {
    auto const pages = (u32{1} << imsic.layout.guest_bits) - 1;
    core.files.count = std::min<u32>(core.features.geilen, pages);
    core.files.own = own;
}

// Which controller the harts' interrupts come from is the same for all of them.
void give_part(System& all, platform::BoardHart const& hart, BootCore& core) {
    auto& into = core.interrupts;
    auto const& board = all.board;
    if (all.files) {
        auto const file = hart.imsic_index ? board.imsic->file(*hart.imsic_index) : std::nullopt;
        if (!file) return;
        core.interrupts.come_by(HostImsic{*board.imsic, *file, all.aplics});
        give_guest_files(core, *board.imsic, *file);
    } else if (!board.aplics.empty()) {
        auto* const aplic = hart.aplic ? all.aplics.find(hart.aplic->controller) : nullptr;
        if (aplic != nullptr) into.come_by(AplicHart{*aplic, *hart.aplic});
    } else if (board.plic && hart.plic_context) {
        into.come_by(HostPlic{board.plic->registers.start, *hart.plic_context});
    }
}

void open_controllers(System& all) {
    auto const& board = all.board;
    // Files are used where no other controller reaches the harts.
    bool const messages = board.aplics.empty() ? !board.plic : board.aplics[0].message_signalled;
    all.files = board.imsic && messages && has_own_file();
    for (u32 n = 0; n < board.aplics.size() && messages == all.files; ++n) {
        using isa::aplic::Delivery;
        auto& aplic = all.aplics.all[n].emplace(board.aplics[n]);
        if (!aplic.start(messages ? Delivery::messages : Delivery::direct)) all.aplics.all[n].reset();
    }
    for (u32 i = 0; i < all.core_count; ++i)
        if (auto const* const hart = board.hart(all.cores[i]->id); hart != nullptr)
            give_part(all, *hart, *all.cores[i]);
    this_boot_core().interrupts.open();
}

// One hart for each line, so that no other one is woken in vain; those that will serve one guest only come
// last.
template <class Takes>
[[nodiscard]] BootCore* find_hart(System& all, u32 line, Takes const& takes) {
    auto const dedicated = all.team.dedicated.load(std::memory_order_relaxed);
    for (bool const alone : {false, true})
        for (u32 i = 0; i < all.core_count; ++i) {
            auto& core = *all.cores[(line + i) % all.core_count];
            if (((dedicated & vm::Team::bit(core.index)) != 0) == alone && takes(core)) return &core;
        }
    return nullptr;
}

[[nodiscard]] BootCore* connect(System& all, platform::BoardWire wire) {
    return find_hart(all, wire.line(), [&](BootCore& core) { return core.interrupts.enable(wire).ok(); });
}

void poll_now_and_then(System& all) {
    auto& core = *all.cores[0];
    if (core.poll_period != 0) return;
    core.poll_period = all.board.timebase.ticks(Nanos{10'000'000}).n;
    core.poll_at = hart::time();
}

void listen_to_port(System& all) {
    auto const& board = all.board;
    // Whether it is asked now and then or calls, somebody will say what it does not take at once.
    all.console.with([&](Console& console) { console.keep_in(all.backlog); });
    auto const wire = board.uart ? board.wire(board.uart->interrupt) : std::nullopt;
    if (!listen_to(all, wire, all.port_interrupt)) poll_now_and_then(all);
}

}  // namespace

void PortInterrupt::interrupted() {
    read_port();
}

Result<bool> listen_to(System& all, std::optional<platform::BoardWire> wire,
                       platform::InterruptHandler& handler) {
    auto* const core = wire ? connect(all, *wire) : nullptr;
    TRY(all.interrupts.add(core != nullptr ? std::optional{wire->line()} : std::nullopt, handler));
    if (core == nullptr) {
        poll_now_and_then(all);
    } else if (core == &this_boot_core()) {
        core->interrupts.open();
    }
    return core != nullptr;
}

Result<platform::HartInterrupts*> listen_for_guest(System& all, platform::BoardWire wire,
                                                   platform::InterruptHandler& handler,
                                                   platform::Aftermath how, u32 hart) {
    // A hart that runs opens its own file only.
    auto const first = all.harts_run.load() ? this_boot_core().index : hart;
    auto const tried = all.harts_run.load() ? 1 : all.core_count;
    if (all.interrupts.count() == platform::InterruptTable::most) return Err{Error::full};
    for (u32 i = 0; i < tried; ++i) {
        auto& core = *all.cores[(first + i) % all.core_count];
        if (!core.interrupts.enable(wire)) continue;
        TRY(all.interrupts.add(wire.line(), handler));
        all.interrupts.end_with(handler, how);
        if (&core == &this_boot_core()) core.interrupts.open();
        return &core.interrupts;
    }
    return Err{Error::not_supported};
}

std::optional<platform::HostImsic::Message> listen_to_messages(System& all,
                                                               platform::InterruptHandler& handler) {
    // Lines that no wire has.
    auto const line = static_cast<u16>(0x8000 | all.interrupts.count());
    std::optional<platform::HostImsic::Message> found;
    auto* const core = find_hart(all, line, [&](BootCore& candidate) {
        auto const message = candidate.interrupts.enable_message(line);
        if (!message || !all.interrupts.add(line, handler)) return false;
        found = message.value();
        return true;
    });
    if (core == &this_boot_core()) core->interrupts.open();
    return found;
}

void open_drivers(System& all) {
    open_controllers(all);
    if (all.board.pci) all.pci.emplace(*all.board.pci);
    if (all.pci && !all.pci->open(all.house)) all.pci.reset();
    open_iommus(all);
    all.virtio.find(all.board, all.house, all.pci ? &*all.pci : nullptr, all.iommus->all,
                    [&](u16 requester) { return all.wanted.has(requester); });
    listen_to_iommus(all);
    listen_to_port(all);
}

void print_interrupts(System const& all) {
    auto const& board = all.board;
    auto const* const controller = all.files ? board.aplics.empty() ? "imsics" : "aplic and imsics"
                                   : !board.aplics.empty() ? "aplic"
                                   : board.plic            ? "plic"
                                                           : "none";
    say("antler: interrupts: {}; harts call each other by {}; {} devices interrupt, {} are polled\n",
        controller, all.files ? "messages" : "firmware", all.interrupts.wired(),
        all.interrupts.count() - all.interrupts.wired());
}

bool serve_board_interrupt(System& all) {
    return this_boot_core().interrupts.serve(all.interrupts);
}

}  // namespace antler::boot
