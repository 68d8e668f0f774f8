// The steal-time accounting extension: where a vCPU's waits are to be written.
#include "sbi/steal_time.hpp"

#include "vm/steal_time.hpp"
#include "vm/vm.hpp"

namespace antler::sbi::steal_time {

using abi::sbi::StealTimeFid;

// Flags are zero in every call, also in one that ends the accounting.   [sbi ext-steal-time]
Next handle(vm::Vcpu& vcpu, Call const& call) {
    if (!function_of(call, StealTimeFid::set_shared_memory)) return answer(vcpu, Status::not_supported);
    auto const [low, high, flags] = std::array{call.a[0], call.a[1], call.a[2]};
    if (flags != 0) return answer(vcpu, Status::invalid_param);
    if (low == abi::sbi::no_shared_memory && high == abi::sbi::no_shared_memory) {
        vcpu.tells_stolen = false;
        return answer(vcpu, Status::success);
    }
    Gpa const at{low};
    if (!at.is_aligned(vm::StealTime::bytes)) return answer(vcpu, Status::invalid_param);
    // The upper half of the address is beyond what RV64 has.   [sbi binary-encoding]
    if (high != 0 || !vcpu.vm.ram().contains(at, vm::StealTime::bytes))
        return answer(vcpu, Status::invalid_address);
    return answer(vcpu, vm::begin_steal_time(vcpu, at) ? Status::success : Status::failed);
}

}  // namespace antler::sbi::steal_time
