// The base extension: who we are, and what else can be called.
#include "sbi/base.hpp"

#include "abi/sbi_lane.hpp"
#include "sbi/extension.hpp"
#include "vm/vm.hpp"

namespace antler::sbi::base {

using abi::sbi::BaseFid;

Next handle(vm::Vcpu& vcpu, Call const& call) {
    auto const function = function_of(call, BaseFid::get_mimpid);
    if (!function) return answer(vcpu, Status::not_supported);
    switch (*function) {
        case BaseFid::get_spec_version:
        case BaseFid::get_impl_id:
        case BaseFid::get_impl_version:
            return answer(vcpu, Status::success, abi::sbi::base_constant(call.function));
        case BaseFid::probe_extension:
            return answer(vcpu, Status::success, find_extension(call.a[0]) != nullptr ? 1 : 0);
        // The board's own, so that the guest's kernel applies its errata.
        case BaseFid::get_mvendorid: return answer(vcpu, Status::success, vcpu.vm.machine_ids().vendor);
        case BaseFid::get_marchid: return answer(vcpu, Status::success, vcpu.vm.machine_ids().architecture);
        case BaseFid::get_mimpid: return answer(vcpu, Status::success, vcpu.vm.machine_ids().implementation);
    }
    return answer(vcpu, Status::not_supported);
}

}  // namespace antler::sbi::base
