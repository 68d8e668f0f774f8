// The system reset extension: a guest ends its machine, or begins it again.
#include "sbi/system_reset.hpp"

#include <optional>

#include "vm/vm.hpp"

namespace antler::sbi::system_reset {

using abi::sbi::ResetReason;
using abi::sbi::ResetType;
using abi::sbi::SystemResetFid;

namespace {

// Reserved types and reasons, and those of other platforms, are none.  Without power to lose, cold and warm
// are the same.  A shutdown because of a failure is a crash; who asks to begin again gets that, whatever the
// reason. [sbi ext-sys-reset]
[[nodiscard]] constexpr std::optional<vm::Ending> ending_of(u32 type, u32 reason) {
    if (reason > static_cast<u32>(ResetReason::system_failure)) return std::nullopt;
    switch (type) {
        case static_cast<u32>(ResetType::shutdown):
            return reason == static_cast<u32>(ResetReason::none) ? vm::Ending::poweroff : vm::Ending::crash;
        case static_cast<u32>(ResetType::cold_reboot):
        case static_cast<u32>(ResetType::warm_reboot): return vm::Ending::reboot;
        default: return std::nullopt;
    }
}

static_assert(ending_of(0, 0) == vm::Ending::poweroff && ending_of(0, 1) == vm::Ending::crash);
static_assert(ending_of(2, 1) == vm::Ending::reboot && !ending_of(3, 0) && !ending_of(0xf000'0000, 0));
static_assert(!ending_of(0, 2) && !ending_of(0, 0xe000'0000));

}  // namespace

Next handle(vm::Vcpu& vcpu, Call const& call) {
    if (!function_of(call, SystemResetFid::system_reset)) return answer(vcpu, Status::not_supported);
    auto const ending = ending_of(call.narrow(0), call.narrow(1));
    if (!ending) return answer(vcpu, Status::invalid_param);
    vcpu.vm.end(*ending);
    return Next::stop;
}

}  // namespace antler::sbi::system_reset
