// The device lane: loads from registers that only tell something, answered before the guest's registers are
// saved.
#pragma once

#include "hart/csr.hpp"
#include "hart/offsets.hpp"
#include "isa/instruction_plain.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

// What the load gets; false: it is not one that the lane answers.  With a plain access htval and stval name
// one address: no table of the guest was in the way.
[[nodiscard, gnu::always_inline]] inline bool lane_value(Vcpu& vcpu, u64 upper, u64 told, u32& value) {
    auto const low = hart::csr::stval::read() & 3;
    if (upper == uart_line_status.raw() >> 2) {
        if (!isa::is_plain_load_byte(told) || low != uart_line_status.raw() % 4) return false;
        return vcpu.vm.machine().glance_at_line_status(value);
    }
    auto const offset = (upper << 2) - plic_region.start.raw();
    if (offset >= plic_region.size || !isa::is_plain_load_word(told) || low != 0) return false;
    return vcpu.vm.machine().glance_at_plic(static_cast<device::Offset>(offset), value);
}

// Of a load guest-page fault: how many bytes of instruction are behind the guest when vcpu.x has the answer;
// 0: nothing was done, and the general path answers.
//
// entry.S calls it with the guest's values in every register that is not in ANTLER_LANE_REGISTERS, so it may
// use no stack and call nobody; the build looks.  It answers what nobody else could notice: no wire moves, no
// memory changes, and whoever holds the devices' lock is not waited for.
[[nodiscard, gnu::always_inline]] inline u64 device_lane(Vcpu& vcpu) {
    auto const told = hart::csr::htinst::read();
    auto const reg = isa::load_register(told);
    if ((ANTLER_LANE_REGISTERS >> reg & 1) == 0 || !vcpu.home->trusts_traps) return 0;
    u32 value = 0;
    if (!lane_value(vcpu, hart::csr::htval::read(), told, value)) return 0;
    vcpu.x[reg] = static_cast<u64>(i64{static_cast<i32>(value)});
    vcpu.count(ExitKind::mmio);
    return isa::told_length(told);
}

}  // namespace antler::vm
