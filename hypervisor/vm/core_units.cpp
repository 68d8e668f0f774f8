// Floating-point and vector registers stay in the hart until another vCPU needs its own there.  Those of a
// vCPU that never changed them are zero, so between two such there is nothing to load either.
#include "hart/csr.hpp"
#include "vm/core.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

using isa::ContextStatus;
using S = isa::Sstatus;

namespace {

// A write of fcsr, vcsr or vstart alone may have left no trace in sstatus (Core::unit_words).
bool has_written_floats(Vcpu const& vcpu) {
    auto const status = S::fs::get(vcpu.sstatus);
    return status == ContextStatus::dirty ||
           (status != ContextStatus::off && hart::csr::fcsr::read_raw() != vcpu.floats.f[32]);
}
bool has_written_vector(Vcpu const& vcpu) {
    auto const status = S::vs::get(vcpu.sstatus);
    return status == ContextStatus::dirty ||
           (status != ContextStatus::off && (hart::csr::vstart::read_raw() != vcpu.vector.state[0] ||
                                             hart::csr::vcsr::read_raw() != vcpu.vector.state[3]));
}

}  // namespace

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
    open_units();
    bool const floats = has_written_floats(vcpu);
    bool const vector = has_written_vector(vcpu);
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
