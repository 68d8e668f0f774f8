// vCPUs are dealt to harts in turn, among those that they may have.
#include "boot/homes.hpp"

#include "vm/outside.hpp"

namespace antler::boot {

u64 harts_to_dedicate(System& all, control::Pack const& pack) {
    u64 harts = 0;
    for (u32 index = 0; index < pack.vm_count(); ++index) {
        auto const description = description_in(all, pack, index);
        if (!description) continue;
        auto const& share = description.value()->share;
        if (!share.dedicated || share.affinity.empty()) continue;  // those are chosen later
        for (u32 id = 0; id < description.value()->vcpus; ++id) harts |= share.harts_of(id);
    }
    return harts;
}

Result<u32> find_home(System& all, vm::Vm const& vm, u32 vcpu) {
    using vm::Team;
    auto const dedicated = all.team.dedicated.load();
    auto const may = [&](u32 hart) {
        return (vm.description().share.harts_of(vcpu) & ~dedicated & Team::bit(hart)) != 0;
    };
    for (u32 i = 0; i < all.core_count; ++i) {
        auto const hart = (all.next_home + vcpu + i) % all.core_count;
        if (!may(hart)) continue;
        if (vm.is_dedicated()) all.team.dedicated.fetch_or(Team::bit(hart));
        return hart;
    }
    return Err{Error::full};
}

void leave_homes(System& all, vm::Vm& vm) {
    if (!vm.is_dedicated()) return;
    for (u32 id = 0; id < vm.vcpu_count(); ++id)
        if (auto const* const vcpu = vm.vcpu(id); vcpu != nullptr && vcpu->home != nullptr) {
            all.team.dedicated.fetch_and(~vm::Team::bit(vcpu->home->index));
            if (all.harts_run) vm::send_ipi(vcpu->home->index);  // it says that it is idle
        }
}

}  // namespace antler::boot
