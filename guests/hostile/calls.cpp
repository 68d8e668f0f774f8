// Calls of every extension there is, and of many that there are not.
#include "guests/hostile/hostile.hpp"

namespace antler::guests::hostile {
namespace {

using sbi::Eid;

constexpr std::array extensions{
    Eid::legacy_set_timer,
    Eid::legacy_console_putchar,
    Eid::legacy_console_getchar,
    Eid::legacy_clear_ipi,
    Eid::legacy_send_ipi,
    Eid::legacy_remote_fence_i,
    Eid::legacy_remote_sfence_vma,
    Eid::legacy_remote_sfence_vma_asid,
    Eid::base,
    Eid::time,
    Eid::ipi,
    Eid::rfence,
    Eid::hart_state,
    Eid::system_reset,
    Eid::pmu,
    Eid::debug_console,
    Eid::system_suspend,
    Eid::cppc,
    Eid::nested_acceleration,
    Eid::steal_time,
    Eid::supervisor_events,
    Eid::firmware_features,
    Eid::debug_triggers,
    Eid::message_proxy,
};

[[nodiscard]] u64 argument(Stage& stage) {
    switch (stage.random.below(4)) {
        case 0: return stage.random.below(5);
        case 1: return stage.random.below(0x2000);
        case 2: return stage.evil();
        default: return stage.number();
    }
}

// What would stop this hart, or start it somewhere else, is left to destroy_self and start_harts.
[[nodiscard]] bool ends_it(u64 extension, u64 function, u64 first) {
    if (extension == static_cast<u64>(Eid::legacy_shutdown)) return true;
    if (extension == static_cast<u64>(Eid::system_reset)) return function == 0;
    if (extension != static_cast<u64>(Eid::hart_state)) return false;
    bool const starts = function == static_cast<u64>(sbi::HartStateFid::hart_start);
    bool const stops = function == static_cast<u64>(sbi::HartStateFid::hart_stop);
    bool const suspends = function == static_cast<u64>(sbi::HartStateFid::hart_suspend);
    return starts || stops || (suspends && (first & 0x8000'0000) != 0);
}

}  // namespace

void call(Stage& stage) {
    auto& random = stage.random;
    auto const extension = random.one_in(8) ? stage.number() : static_cast<u64>(random.one_of(extensions));
    auto const function = random.one_in(8) ? stage.number() : random.below(8);
    std::array<u64, 5> a{};
    for (auto& value : a) value = argument(stage);
    // A few bytes for the console, so that what others say is found again.
    if (extension == static_cast<u64>(Eid::debug_console) && function == 0 && a[0] > 8 &&
        a[1] - guest().ram.start.raw() < guest().ram.size)
        a[0] &= 7;
    if (extension == static_cast<u64>(Eid::debug_console) && function == 1) a[1] = stage.harmless();
    if (ends_it(static_cast<u32>(extension), static_cast<u32>(function), a[0])) return;
    stage.limit_time();
    (void)sbi::call(extension, function, a[0], a[1], a[2], a[3], a[4]);
}

}  // namespace antler::guests::hostile
