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
    Units const needed{static_cast<u8>(vcpu.changed.raw | tainted.raw)};
    bool const floats = needed.has(Units::floats) && floats_owner != &vcpu && vcpu.vm.features().f;
    bool const vector =
        needed.has(Units::vector) && vector_owner != &vcpu && vcpu.vector.registers != nullptr;
    if (!floats && !vector) return;
    open_units();
    if (floats) {
        hart::load(vcpu.floats);
        floats_owner = &vcpu;
        tainted.take(Units::floats, vcpu.changed);
    }
    if (vector) {
        hart::load(vcpu.vector);
        vector_owner = &vcpu;
        tainted.take(Units::vector, vcpu.changed);
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

void Core::taint_units(Vcpu const& vcpu) {
    open_units();
    if (has_written_floats(vcpu)) {
        floats_owner = nullptr;  // may be another, who found nothing to load yet
        tainted.set(Units::floats, true);
    }
    if (has_written_vector(vcpu)) {
        vector_owner = nullptr;
        tainted.set(Units::vector, true);
    }
}

void Core::disown_units(Vcpu const& vcpu) {
    if (floats_owner == &vcpu) floats_owner = nullptr;
    if (vector_owner == &vcpu) vector_owner = nullptr;
}

}  // namespace antler::vm
