// The remote fences: what one hart of a VM makes the others forget.
#include "sbi/rfence.hpp"

#include <optional>

#include "sbi/hart_mask.hpp"
#include "vm/guest_fence.hpp"
#include "vm/vm.hpp"

namespace antler::sbi::rfence {

using abi::sbi::RfenceFid;
using vm::GuestFence;

namespace {

using Kind = GuestFence::Kind;

// Only the bits that an ASID can have count, as in sfence.vma itself.   [norm:sfence_vma_rs2_bits]
constexpr u64 asid_mask = 0xffff;

// What the call wants done on every target.  A range of no bytes asks for nothing, but its harts are checked.
struct Wanted {
    GuestFence fence{};
    bool nothing = false;
};

// A range may end with the address space, not beyond.   [sbi ext-rfence]
[[nodiscard]] constexpr std::optional<Wanted> ranged(Call const& call, bool of_one_space) {
    auto const start = call.a[2];
    auto const size = call.a[3];
    auto const asid = static_cast<u16>(of_one_space ? call.a[4] & asid_mask : 0);
    if (abi::sbi::fences_everything(start, size))
        return Wanted{{.kind = of_one_space ? Kind::address_space : Kind::all, .asid = asid, .start{}}};
    if (Range<Gva>{Gva{start}, size}.wraps()) return std::nullopt;
    return Wanted{{.kind = of_one_space ? Kind::range_of_space : Kind::range,
                   .asid = asid,
                   .start = Gva{start},
                   .size = size},
                  size == 0};
}

// Returns when no target can use what the fence names any more.
void fence_all(vm::Vcpu& caller, HartSet targets, GuestFence const& fence) {
    std::array<u32, vm::max_vcpus> tickets;
    HartSet asked{};
    targets.each([&](u32 id) {
        auto* const target = caller.vm.vcpu(id);
        // A hart that is stopped is fenced whole when it starts.
        if (target == &caller || target->hart_state.load() == abi::sbi::HartState::stopped) return;
        tickets[id] = target->ask_fence(fence);
        asked.bits |= u64{1} << id;
    });
    if (targets.contains(caller.id)) vm::execute(fence);
    asked.each([&](u32 id) { caller.vm.vcpu(id)->wait_for_fence(tickets[id]); });
}

}  // namespace

Next handle(vm::Vcpu& vcpu, Call const& call) {
    auto const function = function_of(call, RfenceFid::remote_hfence_vvma);
    if (!function) return answer(vcpu, Status::not_supported);

    std::optional<Wanted> wanted;
    switch (*function) {
        case RfenceFid::remote_fence_i: wanted = Wanted{{.kind = Kind::instructions, .start{}}}; break;
        case RfenceFid::remote_sfence_vma: wanted = ranged(call, false); break;
        case RfenceFid::remote_sfence_vma_asid: wanted = ranged(call, true); break;
        // Only valid for harts with the hypervisor extension, which guests do not have.   [sbi ext-rfence]
        case RfenceFid::remote_hfence_gvma_vmid:
        case RfenceFid::remote_hfence_gvma:
        case RfenceFid::remote_hfence_vvma_asid:
        case RfenceFid::remote_hfence_vvma: return answer(vcpu, Status::not_supported);
    }
    auto const targets = harts_of(vcpu.vm.vcpu_count(), call.a[0], call.a[1]);
    if (!targets) return answer(vcpu, Status::invalid_param);
    if (!wanted) return answer(vcpu, Status::invalid_address);
    if (!wanted->nothing) fence_all(vcpu, *targets, wanted->fence);
    return answer(vcpu, Status::success);
}

}  // namespace antler::sbi::rfence
