// The status registers: sstatus, vsstatus and hstatus.
#pragma once

#include "isa/xlen.hpp"

namespace antler::isa {

// Whether an extension's registers are off, initial, clean or dirty.
enum class ContextStatus : u8 { off, initial, clean, dirty };

// The widths as misa.MXL, UXL and VSXL spell them.                                     [norm:misa_mxl_enc]
enum class WidthCode : u8 { rv32 = 1, rv64 = 2 };

namespace detail {

// sstatus and vsstatus have one layout.  While V=1 the guest uses vsstatus and sstatus keeps its value, but
// FS and VS of both count: off in either is an illegal instruction, and a change makes both dirty.
// [norm:H_vscsrs_v1] [norm:H_vscsrs_v0] [norm:H_illegalinst_xstatus_fs_vs] [norm:vsstatus_sz_acc_op]
template <Xlen X>
struct StatusFields {
    using Raw = Word<X>;
    using sie = WordField<X, 1>;                     // [norm:sstatus_sie]
    using spie = WordField<X, 5>;                    // [norm:sstatus_spie]
    using ube = WordField<X, 6>;                     // [norm:sstatus_ube] [norm:vsstatus_ube]
    using spp = WordField<X, 8>;                     // [norm:sstatus_spp]
    using vs = WordField<X, 10, 9, ContextStatus>;   // [norm:vsstatus_vs_op]
    using fs = WordField<X, 14, 13, ContextStatus>;  // [norm:vsstatus_fs_op]
    using xs = WordField<X, 16, 15, ContextStatus>;  // read-only                  [norm:vsstatus_sd_xs_op]
    using sum = WordField<X, 18>;                    // [norm:sstatus_sum]
    using mxr = WordField<X, 19>;                    // [norm:sstatus_mxr]
    using spelp = WordField<X, 23>;                  // [norm:sstatus_spelp] [norm:vsstatus_spelp_op]
    using sdt = WordField<X, 24>;                    // [norm:sstatus_sdt] [norm:vsstatus_sdt_op]
    using uxl = Rv64Field<X, 33, 32, WidthCode>;     // [norm:sstatus_uxl] [norm:vsstatus_uxl_op]
    using sd = WordField<X, bits<X> - 1>;            // read-only                  [norm:vsstatus_sd_xs_op]
};

}  // namespace detail

template <Xlen X>
struct SstatusOf : detail::StatusFields<X> {
    Word<X> raw{};
    constexpr SstatusOf() = default;
    constexpr explicit SstatusOf(Word<X> value) : raw{value} {}
    friend constexpr bool operator==(SstatusOf a, SstatusOf b) { return a.raw == b.raw; }
};
using Sstatus = SstatusOf<native>;

template <Xlen X>
struct VsstatusOf : detail::StatusFields<X> {
    Word<X> raw{};
    constexpr VsstatusOf() = default;
    constexpr explicit VsstatusOf(Word<X> value) : raw{value} {}
    friend constexpr bool operator==(VsstatusOf a, VsstatusOf b) { return a.raw == b.raw; }
};
using Vsstatus = VsstatusOf<native>;

template <Xlen X>
struct HstatusOf {  // [norm:hstatus_sz_acc_op]
    using Raw = Word<X>;
    using vsbe = WordField<X, 5>;  // VS-mode's data are big-endian            [norm:hstatus_vsbe_op]
    using gva = WordField<X, 6>;   // stval is a guest virtual address          [norm:hstatus_gva_op]
    using spv = WordField<X, 7>;   // where sret goes, where the trap came from [norm:hstatus_spv_op]
                                   // [norm:hstatus_spv_sret]
    using spvp = WordField<X, 8>;  // the privilege hlv and hsv act with       [norm:hstatus_spvp_op]
    using hu = WordField<X, 9>;    // hlv and hsv in U-mode                      [norm:hstatus_hu_op]
    using vgein = WordField<X, 17, 12, u8>;  // the guest interrupt file [norm:hstatus_vgein_op]
    using vtvm = WordField<X, 20>;  // satp and sfence.vma trap                 [norm:hstatus_vtvm_op]
    using vtw = WordField<X, 21>;   // wfi traps                                 [norm:hstatus_vtw_op]
    using vtsr = WordField<X, 22>;  // sret traps; it never causes entry        [norm:hstatus_vtsr_op]
    using vsxl = Rv64Field<X, 33, 32, WidthCode>;  // [norm:hstatus_vsxl_op] [norm:hstatus_vsxl_32]
    using hupmm = Rv64Field<X, 49, 48, u8>;        // pointer masking of hlv and hsv in U-mode
    Raw raw{};
    friend constexpr bool operator==(HstatusOf, HstatusOf) = default;
};
using Hstatus = HstatusOf<native>;

static_assert(SstatusOf<Xlen::rv64>::sd::mask == u64{1} << 63 &&
              SstatusOf<Xlen::rv32>::sd::mask == u32{1} << 31);
static_assert(SstatusOf<Xlen::rv64>::fs::mask == 0x6000 && SstatusOf<Xlen::rv64>::vs::mask == 0x600);
static_assert(HstatusOf<Xlen::rv64>::vsxl::get(u64{2} << 32) == WidthCode::rv64);

}  // namespace antler::isa
