// The commonest of the dear exits: a plain load or store of a device's register, of which the hart has told
// all.
#pragma once

#include "hart/csr.hpp"
#include "isa/exit.hpp"
#include "isa/instruction_plain.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

[[nodiscard, gnu::always_inline]] inline bool is_data_fault() {
    using isa::Exception;
    auto const cause = hart::csr::scause::read_raw();
    return cause == static_cast<u64>(Exception::load_guest_page_fault) ||
           cause == static_cast<u64>(Exception::store_guest_page_fault);
}

// Whether the hart told of a place in memory.  Devices lie below it, but for some of PCI.
[[nodiscard, gnu::always_inline]] inline bool is_told_in_ram(Vcpu& vcpu) {
    auto const upper = hart::csr::htval::read();
    return upper >= ram_base.raw() >> 2 && vcpu.vm.ram().contains(Gpa{upper << 2});
}

// Of a data fault: memory on demand has come; or false, with nothing changed, nor what the hart told.
[[nodiscard, gnu::always_inline]] inline bool quick_touch(Vcpu& vcpu) {
    if (!vcpu.vm.ram().touch_gap(Gpa{hart::csr::htval::read() << 2})) return false;
    vcpu.count(ExitKind::demand);
    return true;
}

// What the hart told of the access; nothing unless it is a plain one, whole, and of known address.
struct QuickAccess {
    isa::PlainAccess how;
    Gpa at;
};

[[nodiscard, gnu::always_inline]] inline std::optional<QuickAccess> told_access() {
    auto const how = isa::plain_access(hart::csr::htinst::read());
    auto const upper = hart::csr::htval::read();
    if (!how || upper == 0) return std::nullopt;
    // With a plain access htval and stval name one address: no table of the guest was in the way.
    Gpa const at{upper << 2 | (hart::csr::stval::read() & 3)};
    if (!at.is_aligned(how->width)) return std::nullopt;
    return QuickAccess{*how, at};
}

// Of a data fault: done and stepped over, or false with nothing changed.
[[nodiscard, gnu::always_inline]] inline bool quick_device_access(Vcpu& vcpu) {
    auto const told = told_access();
    if (!told) return false;
    auto const& how = told->how;
    auto& machine = vcpu.vm.machine();
    auto const width = static_cast<device::Width>(how.width);
    if (how.store) {
        if (!machine.write(told->at, width, vcpu.x[how.reg])) return false;
    } else {
        auto const value = machine.read(told->at, width);
        if (!value) return false;
        auto const unused = 64 - 8 * how.width;
        auto const wide = value.value() << unused;
        if (how.reg != 0)
            vcpu.x[how.reg] =
                how.sign_extend ? static_cast<u64>(static_cast<i64>(wide) >> unused) : wide >> unused;
    }
    vcpu.count(ExitKind::mmio);
    vcpu.pc += how.length;
    return true;
}

}  // namespace antler::vm
