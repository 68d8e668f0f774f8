// What a trap writes and where it goes: stvec, sepc, stval, htval, htinst and their VS forms.
#pragma once

#include "isa/cause.hpp"
#include "isa/csr_environment.hpp"
#include "isa/xlen.hpp"

namespace antler::isa {

enum class VectorMode : u8 { direct = 0, vectored = 1 };  // [norm:stvec_op]

template <class Name, Xlen X>
struct TrapVector {
    using Raw = Word<X>;
    using mode = WordField<X, 1, 0, VectorMode>;
    using base = WordField<X, bits<X> - 1, 2>;  // four-byte aligned                    [norm:stvec_sz_base]
    Raw raw{};

    [[nodiscard]] constexpr Raw address() const { return raw & ~Raw{3}; }
    // Exceptions go to the base; interrupts to base + 4 × number when vectored.            [norm:stvec_op]
    [[nodiscard]] constexpr Raw entry(Exception) const { return address(); }
    [[nodiscard]] constexpr Raw entry(Interrupt i) const {
        return mode::get(raw) == VectorMode::vectored ? address() + 4 * static_cast<Raw>(i) : address();
    }
    friend constexpr bool operator==(TrapVector, TrapVector) = default;
};
template <Xlen X>
using StvecOf = TrapVector<struct StvecName, X>;  // [norm:stvec]
template <Xlen X>
using VstvecOf = TrapVector<struct VstvecName, X>;  // [norm:vstvec_sz_acc_op]
using Stvec = StvecOf<native>;
using Vstvec = VstvecOf<native>;

template <Xlen X>
using SepcOf = ValueRegister<struct SepcName, Word<X>>;  // [norm:sepc]
template <Xlen X>
using VsepcOf = ValueRegister<struct VsepcName, Word<X>>;  // [norm:vspec_sz_acc_op] [norm:vsepc_warl]
template <Xlen X>
using StvalOf = ValueRegister<struct StvalName, Word<X>>;  // [norm:stval]
template <Xlen X>
using VstvalOf = ValueRegister<struct VstvalName, Word<X>>;  // [norm:vstval_sz_acc_op] [norm:vstval_warl]
template <Xlen X>
using HtvalOf = ValueRegister<struct HtvalName, Word<X>>;  // [norm:htval_sz_acc_op] [norm:htval_val]
template <Xlen X>
using HtinstOf = ValueRegister<struct HtinstName, Word<X>>;  // [norm:htinst_sz_acc_op] [norm:htinst_val]
template <Xlen X>
using SscratchOf = ValueRegister<struct SscratchName, Word<X>>;  // [norm:sscratch]
template <Xlen X>
using VsscratchOf = ValueRegister<struct VsscratchName, Word<X>>;  // [norm:vsscratch_sz_acc_op]
using Sepc = SepcOf<native>;
using Vsepc = VsepcOf<native>;
using Stval = StvalOf<native>;
using Vstval = VstvalOf<native>;
using Htval = HtvalOf<native>;
using Htinst = HtinstOf<native>;
using Sscratch = SscratchOf<native>;
using Vsscratch = VsscratchOf<native>;

static_assert(VstvecOf<Xlen::rv64>{0x8000'0101}.entry(Interrupt::supervisor_timer) == 0x8000'0114);
static_assert(VstvecOf<Xlen::rv64>{0x8000'0101}.entry(Exception::breakpoint) == 0x8000'0100);
static_assert(VstvecOf<Xlen::rv32>{0x8000'0100}.entry(Interrupt::supervisor_timer) == 0x8000'0100);

}  // namespace antler::isa
