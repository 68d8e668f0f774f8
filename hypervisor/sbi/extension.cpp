// The table of services, and the way from a guest's call to its row.
#include "sbi/extension.hpp"

#include <array>

#include "sbi/base.hpp"
#include "sbi/debug_console.hpp"
#include "sbi/hart_state.hpp"
#include "sbi/ipi.hpp"
#include "sbi/legacy.hpp"
#include "sbi/rfence.hpp"
#include "sbi/steal_time.hpp"
#include "sbi/system_reset.hpp"
#include "sbi/timer.hpp"

namespace antler::sbi {
namespace {

// The commonest first.
constexpr std::array table{
    Extension{Eid::ipi, "interrupts between harts", ipi::handle},
    Extension{Eid::rfence, "remote fences", rfence::handle},
    Extension{Eid::time, "timer", timer::handle},
    Extension{Eid::debug_console, "debug console", debug_console::handle},
    Extension{Eid::hart_state, "hart state", hart_state::handle},
    Extension{Eid::base, "base", base::handle},
    Extension{Eid::system_reset, "system reset", system_reset::handle},
    Extension{Eid::steal_time, "steal time", steal_time::handle},
    Extension{Eid::legacy_set_timer, "legacy timer", legacy::set_timer},
    Extension{Eid::legacy_console_putchar, "legacy console output", legacy::console_putchar},
    Extension{Eid::legacy_console_getchar, "legacy console input", legacy::console_getchar},
    Extension{Eid::legacy_shutdown, "legacy shutdown", legacy::shutdown},
};

consteval bool ids_are_distinct() {
    for (usize i = 0; i < table.size(); ++i)
        for (usize j = i + 1; j < table.size(); ++j)
            if (table[i].id == table[j].id) return false;
    return true;
}
static_assert(ids_are_distinct());

}  // namespace

std::span<Extension const> extensions() {
    return table;
}

Extension const* find_extension(u64 id) {
    for (auto const& row : table)
        if (static_cast<u64>(row.id) == id) return &row;
    return nullptr;
}

Next Services::sbi_call(vm::Vcpu& vcpu) {
    // Other harts wait for what it does, so it does not look for its row.
    if (vcpu.x[17] == static_cast<u64>(Eid::hart_state)) return hart_state::handle_own(vcpu);
    auto const call = Call::of(vcpu);
    auto const* const row = find_extension(call.extension);
    if (row == nullptr) return answer(vcpu, Status::not_supported);  // [sbi binary-encoding]
    return row->handle(vcpu, call);
}

}  // namespace antler::sbi
