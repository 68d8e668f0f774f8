// Answers guest-page faults.
#include "vm/memory_fault.hpp"

#include "hart/csr.hpp"
#include "hart/float_vector.hpp"
#include "isa/instruction.hpp"
#include "vm/emulate.hpp"
#include "vm/reflect.hpp"
#include "vm/translate.hpp"
#include "vm/vm.hpp"

namespace antler::vm {
namespace {

using isa::Access;
using isa::MemoryInstruction;
using isa::RegisterFile;

Next nothing_there(Vcpu& vcpu, isa::GuestPageFault const& fault) {
    return reflect(vcpu, isa::access_fault(fault.access), fault.address.raw());
}

// What the hart told of the instruction, or the instruction itself.
std::optional<MemoryInstruction> instruction_of(Vcpu& vcpu, isa::GuestPageFault const& fault, bool& changed) {
    auto const told = isa::decode_trap_instruction(fault.htinst);
    if (auto const* const instruction = std::get_if<MemoryInstruction>(&told)) return *instruction;
    auto const bits = fetch_instruction(vcpu);
    if (!bits) {
        changed = true;
        return std::nullopt;
    }
    auto const instruction = isa::decode_memory(*bits);
    if (!instruction) return std::nullopt;
    // Another vCPU may have written other code there since the fault: then the guest tries again.  An access
    // that crosses into a second page may have failed there.
    auto const effective = vcpu.x[instruction->base] + static_cast<u64>(i64{instruction->offset});
    auto const into = fault.address.raw() - effective;
    changed = instruction->is_load() != (fault.access == Access::load) ||
              (instruction->width != 0 && into >= instruction->width);
    return instruction;
}

u64 extended(u64 value, MemoryInstruction const& instruction) {
    auto const unused = 64 - 8 * instruction.width;
    if (instruction.sign_extend) return static_cast<u64>(static_cast<i64>(value << unused) >> unused);
    return value << unused >> unused;
}

// A floating-point register is in the hart, so it goes through memory; narrow values are NaN-boxed.
// [norm:fp_nan-boxing]
void write_float(Vcpu& vcpu, MemoryInstruction const& instruction, u64 value) {
    auto const boxed = instruction.width == 8 ? value : value | ~u64{0} << 8 * instruction.width;
    vcpu.home->open_units();
    hart::save(vcpu.floats);
    vcpu.floats.f[instruction.reg] = boxed;
    hart::load(vcpu.floats);
    using S = isa::Sstatus;
    vcpu.sstatus = S::fs::set(vcpu.sstatus, isa::ContextStatus::dirty);
    hart::csr::vsstatus::set_bits(S::fs::mask);
}

u64 read_float(Vcpu& vcpu, MemoryInstruction const& instruction) {
    vcpu.home->open_units();
    hart::save(vcpu.floats);
    return vcpu.floats.f[instruction.reg];
}

Next device_access(Vcpu& vcpu, isa::GuestPageFault const& fault, Gpa at,
                   MemoryInstruction const& instruction) {
    vcpu.count(ExitKind::mmio);
    vcpu.instruction_bytes = instruction.length;
    bool const possible =
        instruction.is_basic() && instruction.width <= 8 && at.is_aligned(instruction.width);
    if (!possible) return nothing_there(vcpu, fault);
    auto& machine = vcpu.vm.machine();
    auto const width = static_cast<device::Width>(instruction.width);
    bool const floating = instruction.file == RegisterFile::floating;
    if (instruction.op == isa::MemoryOp::load) {
        auto const value = machine.read(at, width);
        if (!value) return nothing_there(vcpu, fault);
        if (floating) {
            write_float(vcpu, instruction, value.value());
        } else if (instruction.reg != 0) {
            vcpu.x[instruction.reg] = extended(value.value(), instruction);
        }
        return Next::advance;
    }
    auto const value = floating ? read_float(vcpu, instruction) : vcpu.x[instruction.reg];
    if (!machine.write(at, width, value)) return nothing_there(vcpu, fault);
    return Next::advance;
}

}  // namespace

Next memory_fault(Vcpu& vcpu, isa::GuestPageFault const& told) {
    auto fault = told;
    if (!fault.where) {
        // The hart did not say where: walk the guest's tables, as they are now.
        auto const found = find_fault(vcpu, fault);
        if (!found) return Next::retry;
        fault = *found;
    }
    auto const at = *fault.where;
    auto& ram = vcpu.vm.ram();
    if (ram.contains(at)) {
        vcpu.count(ExitKind::demand);
        if (ram.touch(at)) return Next::retry;
        if (vcpu.home->current != &vcpu) return Next::stop;  // its VM ended while interrupts were served
        return nothing_there(vcpu, fault);
    }
    // Devices hold no code and no page tables.
    if (fault.access == Access::fetch || fault.walking_vs_tables) return nothing_there(vcpu, fault);
    bool changed = false;
    auto const instruction = instruction_of(vcpu, fault, changed);
    if (changed) return Next::retry;
    if (!instruction) return nothing_there(vcpu, fault);
    return device_access(vcpu, fault, at, *instruction);
}

}  // namespace antler::vm
