// The registers that hold the roots of page tables: satp, vsatp and hgatp.
#pragma once

#include "base/address.hpp"
#include "isa/xlen.hpp"

namespace antler::isa {

enum class StageMode : u8 {  // of satp and vsatp       [norm:satp_mode_sxlen32] [norm:satp_mode_sxlen64]
    bare = 0,
    sv32 = 1,
    sv39 = 8,
    sv48 = 9,
    sv57 = 10,
};

enum class GStageMode : u8 {  // [norm:hgatp_mode_bare] [norm:hgatp_mode_sv]
    bare = 0,
    sv32x4 = 1,
    sv39x4 = 8,
    sv48x4 = 9,
    sv57x4 = 10,
};

template <Xlen X>
struct SatpOf {  // [norm:satp]
    using Raw = Word<X>;
    static constexpr bool wide = X == Xlen::rv64;
    using mode = WordField<X, bits<X> - 1, wide ? 60 : 31, StageMode>;
    using asid = WordField<X, wide ? 59 : 30, wide ? 44 : 22, u16>;
    using ppn = WordField<X, wide ? 43 : 21, 0, u64>;
    Raw raw{};

    static constexpr SatpOf of(StageMode m, u16 id, Hpa root) {
        return {mode::set(asid::set(ppn::set(0, root.raw() >> 12), id), m)};
    }
    [[nodiscard]] constexpr Hpa root() const { return Hpa{ppn::get(raw) << 12}; }
    friend constexpr bool operator==(SatpOf, SatpOf) = default;
};
using Satp = SatpOf<native>;

// Its root is a guest physical address.  It counts while V=1, and for hlv and hsv. [norm:vsatp_v0]
template <Xlen X>
struct VsatpOf {  // [norm:vsatp_sz_acc_op]
    using Raw = Word<X>;
    static constexpr bool wide = X == Xlen::rv64;
    using mode = WordField<X, bits<X> - 1, wide ? 60 : 31, StageMode>;
    using asid = WordField<X, wide ? 59 : 30, wide ? 44 : 22, u16>;
    using ppn = WordField<X, wide ? 43 : 21, 0, u64>;
    Raw raw{};

    static constexpr VsatpOf of(StageMode m, u16 id, Gpa root) {
        return {mode::set(asid::set(ppn::set(0, root.raw() >> 12), id), m)};
    }
    [[nodiscard]] constexpr Gpa root() const { return Gpa{ppn::get(raw) << 12}; }
    friend constexpr bool operator==(VsatpOf, VsatpOf) = default;
};
using Vsatp = VsatpOf<native>;

template <Xlen X>
struct HgatpOf {  // Out of reach under mstatus.TVM. [norm:hgatp_sz_acc_op] [norm:hgatp_tvm_illegal]
    using Raw = Word<X>;
    static constexpr bool wide = X == Xlen::rv64;
    using mode = WordField<X, bits<X> - 1, wide ? 60 : 31, GStageMode>;
    using vmid = WordField<X, wide ? 57 : 28, wide ? 44 : 22, u16>;  // 14 or 7 bits  [norm:hgatp_vmid_lsbs]
    using ppn = WordField<X, wide ? 43 : 21, 0, u64>;
    Raw raw{};

    // The root is 16 KiB and aligned so: the low two bits of PPN read as zero.         [norm:hgatp_ppn_op]
    static constexpr HgatpOf of(GStageMode m, u16 id, Hpa root) {
        return {mode::set(vmid::set(ppn::set(0, root.raw() >> 12 & ~u64{3}), id), m)};
    }
    [[nodiscard]] constexpr Hpa root() const { return Hpa{ppn::get(raw) << 12}; }
    friend constexpr bool operator==(HgatpOf, HgatpOf) = default;
};
using Hgatp = HgatpOf<native>;

static_assert(HgatpOf<Xlen::rv64>::vmid::width == 14 &&
              HgatpOf<Xlen::rv32>::vmid::width == 7);  // [norm:hgatp_vmid]
static_assert(HgatpOf<Xlen::rv64>::of(GStageMode::sv39x4, 5, Hpa{0x8020'4000}).raw == 0x8000'5000'0008'0204);
static_assert(VsatpOf<Xlen::rv32>::of(StageMode::sv32, 1, Gpa{0x8000'0000}).raw == 0x8048'0000);

}  // namespace antler::isa
