// Floating-point and vector registers stay in the hart until another vCPU needs its own there.  Those of a
// vCPU that never changed them are zero, so between two such there is nothing to load either.
#include "hart/csr.hpp"
#include "vm/core.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

using isa::ContextStatus;
using S = isa::Sstatus;

void Core::open_units() {
    hart::csr::sstatus::set_bits(S::fs::mask | (vector_bytes != 0 ? S::vs::mask : 0));
}

void Core::bring_units(Vcpu& vcpu) {
    auto const lacks = [&](Vcpu* owner, u8 unit) {
        return owner != &vcpu && (vcpu.changed.has(unit) || tainted.has(unit));
    };
    bool const floats = vcpu.vm.features().f && lacks(floats_owner, Units::floats);
    bool const vector = vcpu.vector.registers != nullptr && lacks(vector_owner, Units::vector);
    if (!floats && !vector) return;
    open_units();
    if (floats) {
        hart::load(vcpu.floats);
        floats_owner = &vcpu;
        tainted.set(Units::floats, vcpu.changed.has(Units::floats));
    }
    if (vector) {
        hart::load(vcpu.vector);
        vector_owner = &vcpu;
        tainted.set(Units::vector, vcpu.changed.has(Units::vector));
    }
}

void Core::park_units(Vcpu& vcpu) {
    bool const floats = S::fs::get(vcpu.sstatus) == ContextStatus::dirty;
    bool const vector = S::vs::get(vcpu.sstatus) == ContextStatus::dirty;
    if (!floats && !vector) return;
    open_units();
    if (floats) {
        hart::save(vcpu.floats);
        floats_owner = &vcpu;
        vcpu.changed.set(Units::floats, true);
        tainted.set(Units::floats, true);
        vcpu.sstatus = S::fs::set(vcpu.sstatus, ContextStatus::clean);
    }
    if (vector) {
        hart::save(vcpu.vector);
        vector_owner = &vcpu;
        vcpu.changed.set(Units::vector, true);
        tainted.set(Units::vector, true);
        vcpu.sstatus = S::vs::set(vcpu.sstatus, ContextStatus::clean);
    }
}

void Core::disown_units(Vcpu const& vcpu) {
    if (floats_owner == &vcpu) floats_owner = nullptr;
    if (vector_owner == &vcpu) vector_owner = nullptr;
}

}  // namespace antler::vm
