// sireg and stopei of a guest, where the hart refuses them because VGEIN names no file.
#include "vm/emulate_file.hpp"

#include "hart/csr.hpp"
#include "isa/csr_numbers.hpp"
#include "vm/core.hpp"
#include "vm/guest_file.hpp"

namespace antler::vm {

namespace {

using isa::CsrInstruction;

u64 operand_of(Vcpu const& vcpu, CsrInstruction const& instruction) {
    return instruction.immediate ? u64{instruction.source} : vcpu.x[instruction.source];
}

Next give(Vcpu& vcpu, CsrInstruction const& instruction, u64 value) {
    if (instruction.reg != 0) vcpu.x[instruction.reg] = value;
    return Next::advance;
}

// The identity that a write takes is the one that is read.                                     [aia IMSIC 9]
Next access_stopei(Vcpu& vcpu, CsrInstruction const& instruction) {
    auto& file = vcpu.file->soft();
    auto const identity = instruction.writes() ? file.claim() : file.top();
    return give(vcpu, instruction, isa::Stopei::of(static_cast<u16>(identity)).raw);
}

std::optional<Next> access_register(Vcpu& vcpu, CsrInstruction const& instruction, u16 select) {
    auto& file = vcpu.file->soft();
    auto const old = file.read(select);
    if (!old) return std::nullopt;
    if (instruction.writes())
        static_cast<void>(file.write(select, instruction.result(*old, operand_of(vcpu, instruction))));
    return give(vcpu, instruction, *old);
}

// Priorities of major interrupts, which a guest may find to be read-only zeros.  Where XLEN is 64 there are
// only the even ones.
// [aia SLevel 1] [aia VSLevel]
bool is_priority(u64 select) {
    constexpr u64 first = 0x30, last = 0x3f;
    return select >= first && select <= last && select % 2 == 0;
}

}  // namespace

std::optional<Next> access_file(Vcpu& vcpu, CsrInstruction const& instruction) {
    using namespace isa::csr_number;
    using namespace isa::interrupt_file;
    bool const top = instruction.csr == stopei;
    if (!vcpu.has_file || (!top && instruction.csr != sireg)) return std::nullopt;
    auto const select = hart::csr::vsiselect::read_raw();
    if (!top && is_priority(select)) return give(vcpu, instruction, 0);
    if (!top && (select < first || select > last)) return std::nullopt;
    if (vcpu.file->guest() != 0) {
        // A file of the hart answers what it has by itself; of registers without identities a hart may say
        // that they are not there, and here they are zeros as in software.
        // [aia IMSIC 8.3]
        if (top || !exists<isa::native>(static_cast<u16>(select))) return std::nullopt;
        return give(vcpu, instruction, 0);
    }
    vcpu.file->collect();
    auto const next = top ? std::optional{access_stopei(vcpu, instruction)}
                          : access_register(vcpu, instruction, static_cast<u16>(select));
    vcpu.home->set_external(vcpu, vcpu.file->signals());
    return next;
}

}  // namespace antler::vm
