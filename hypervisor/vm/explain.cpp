// The report of a guest's end: what, where, both walks of the address, and what to try.
#include "vm/explain.hpp"

#include "base/format.hpp"
#include "hart/csr.hpp"
#include "vm/outside.hpp"
#include "vm/translate.hpp"
#include "vm/vm.hpp"

namespace antler::vm {
namespace {

using Text = TextBuffer<160>;

template <class... Values>
void line(Vcpu& vcpu, std::string_view format, Values const&... values) {
    Text text;
    print(text, format, values...);
    announce(vcpu.vm, text.view());
}

std::string_view second_stage(Vcpu& vcpu, Gpa at) {
    if (vcpu.vm.ram().contains(at)) return vcpu.vm.ram().is_mapped(at) ? "RAM" : "RAM that was never touched";
    return vcpu.vm.machine().has_device(at) ? "a device" : "nothing";
}

void both_walks(Vcpu& vcpu, Gva at, isa::Access access) {
    auto const walk = walk_guest_tables(vcpu, at, access);
    if (auto const* const leaf = std::get_if<isa::Leaf>(&walk)) {
        line(vcpu, "  its own tables lead to guest-physical {:x} (level {}, {:x} bytes); there is {}",
             leaf->guest, leaf->vs_level, leaf->bytes, second_stage(vcpu, leaf->guest));
        return;
    }
    auto const& fault = std::get<isa::WalkFault>(walk);
    line(vcpu, "  its own tables (vsatp {:x}) do not lead anywhere: {}", hart::csr::vsatp::read_raw(),
         describe(fault.exception()));
}

isa::Access access_of(isa::Exception cause) {
    if (cause == isa::Exception::load_access || cause == isa::Exception::load_page_fault)
        return isa::Access::load;
    if (cause == isa::Exception::store_access || cause == isa::Exception::store_page_fault)
        return isa::Access::store;
    return isa::Access::fetch;
}

}  // namespace

void explain(Vcpu& vcpu, std::string_view what, isa::Exception cause, u64 tval) {
    line(vcpu, "vCPU {} {}", vcpu.id, what);
    line(vcpu, "  {} at pc {:x}, value {:x}, handler {:x}, ra {:x}, sp {:x}", describe(cause), vcpu.pc, tval,
         hart::csr::vstvec::read(), vcpu.x[1], vcpu.x[2]);
    both_walks(vcpu, Gva{tval}, access_of(cause));
    line(vcpu, "  before that: {} at {:x}, value {:x}",
         describe(static_cast<isa::Exception>(hart::csr::vscause::read_raw() & 63)), hart::csr::vsepc::read(),
         hart::csr::vstval::read());
    line(vcpu, "  to try: is the image built for RAM at {:x}, and does stvec point into memory it owns?",
         ram_base);
}

void explain_unexpected(Vcpu& vcpu, u64 scause) {
    line(vcpu,
         "vCPU {} left the guest by a trap that no guest should cause: scause {:x}, pc {:x}, stval {:x}",
         vcpu.id, scause, vcpu.pc, hart::csr::stval::read());
    line(vcpu, "  to try: this is a fault of the hart or of the firmware's delegation; please report it");
}

}  // namespace antler::vm
