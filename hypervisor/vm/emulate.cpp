// Emulates satp, the fences, sret and wfi where a policy traps them; a guest without H gets an illegal
// instruction for all else.
#include "vm/emulate.hpp"

#include "hart/csr.hpp"
#include "hart/fence.hpp"
#include "hart/guest_access.hpp"
#include "isa/instruction.hpp"
#include "isa/legalize.hpp"
#include "isa/reflect.hpp"
#include "vm/emulate_file.hpp"
#include "vm/reflect.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

namespace csr = hart::csr;

namespace {

using isa::PrivilegedOp;

constexpr u16 satp_number = 0x180;

bool in_vs(Vcpu const& vcpu) {
    return isa::Sstatus::spp::get(vcpu.sstatus);
}

Next illegal(Vcpu& vcpu, u32 bits) {
    return reflect(vcpu, isa::Exception::illegal_instruction, bits);
}

// satp of a VM whose policy is VTVM.   [norm:hstatus_vtvm_op]
Next access_satp(Vcpu& vcpu, isa::CsrInstruction const& instruction) {
    auto const old = csr::vsatp::read();
    if (instruction.writes()) {
        auto const operand = instruction.immediate ? u64{instruction.source} : vcpu.x[instruction.source];
        csr::vsatp::write(
            isa::legalize(old, isa::Vsatp{instruction.result(old.raw, operand)}, vcpu.vm.features()));
    }
    if (instruction.reg != 0) vcpu.x[instruction.reg] = old.raw;
    return Next::advance;
}

Next fence(Vcpu const& vcpu, isa::PrivilegedInstruction const& instruction) {
    Gva const at{vcpu.x[instruction.address]};
    auto const asid = vcpu.x[instruction.identifier];
    if (instruction.address == 0 && instruction.identifier == 0) {
        hart::hfence_vvma_all(FenceSite::emulated_all);
    } else if (instruction.identifier == 0) {
        hart::hfence_vvma(FenceSite::emulated_page, at);
    } else if (instruction.address == 0) {
        hart::hfence_vvma_asid(FenceSite::emulated_space, asid);
    } else {
        hart::hfence_vvma(FenceSite::emulated_page_of_space, at, asid);
    }
    return Next::advance;
}

Next return_from_trap(Vcpu& vcpu) {
    auto const returned = isa::return_from_trap(csr::vsstatus::read(), isa::Vsepc{csr::vsepc::read()});
    csr::vsstatus::write(returned.vsstatus);
    vcpu.pc = returned.pc;
    vcpu.sstatus = isa::Sstatus::spp::set(vcpu.sstatus, returned.in_vs);
    vcpu.hstatus = isa::Hstatus::spvp::set(vcpu.hstatus, returned.in_vs);
    return Next::retry;
}

Next privileged(Vcpu& vcpu, isa::PrivilegedInstruction const& instruction, u32 bits) {
    auto const& policies = vcpu.vm.policies();
    switch (instruction.op) {
        case PrivilegedOp::wfi:
            if (!in_vs(vcpu)) return illegal(vcpu, bits);  // VU-mode may not wait   [norm:hstatus_vtw_op]
            vcpu.count(ExitKind::wait);
            return Next::block;
        case PrivilegedOp::wrs_nto:
            vcpu.count(ExitKind::wait);
            return Next::advance;  // it may always end at once
        case PrivilegedOp::sret:
            if (!in_vs(vcpu) || !policies.trap_return) return illegal(vcpu, bits);
            return return_from_trap(vcpu);
        case PrivilegedOp::sfence_vma:
        case PrivilegedOp::sinval_vma:
            if (!in_vs(vcpu) || !policies.trap_memory) return illegal(vcpu, bits);
            return fence(vcpu, instruction);
        case PrivilegedOp::sfence_w_inval:
        case PrivilegedOp::sfence_inval_ir:
        case PrivilegedOp::wrs_sto:
        case PrivilegedOp::mret:
        case PrivilegedOp::hfence_vvma:
        case PrivilegedOp::hfence_gvma:
        case PrivilegedOp::hinval_vvma:
        case PrivilegedOp::hinval_gvma: break;
    }
    return illegal(vcpu, bits);
}

}  // namespace

std::optional<u32> fetch_instruction(Vcpu const& vcpu) {
    // One parcel at a time: the second may lie on a page that is not there.
    auto const first = hart::fetch_guest(Gva{vcpu.pc});
    if (!first) return std::nullopt;
    if (isa::instruction_length(*first) != 4) return *first;
    auto const second = hart::fetch_guest(Gva{vcpu.pc + 2});
    if (!second) return std::nullopt;
    return u32{*second} << 16 | *first;
}

Next emulate(Vcpu& vcpu, isa::VirtualInstruction exit) {
    vcpu.count(ExitKind::virtual_instruction);
    vcpu.instruction_bytes = 4;
    auto bits = exit.bits;
    if (bits == 0) {
        auto const fetched = fetch_instruction(vcpu);
        if (!fetched) return Next::retry;
        bits = *fetched;
    }
    if (auto const instruction = isa::decode_privileged(bits)) return privileged(vcpu, *instruction, bits);
    if (auto const instruction = isa::decode_csr(bits); instruction && in_vs(vcpu)) {
        if (instruction->csr == satp_number && vcpu.vm.policies().trap_memory)
            return access_satp(vcpu, *instruction);
        if (auto const next = access_file(vcpu, *instruction)) return *next;
    }
    return illegal(vcpu, bits);
}

}  // namespace antler::vm
