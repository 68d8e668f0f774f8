// What a lower mode may do and count: environment configuration, counters, state enables, timers.
#pragma once

#include "isa/xlen.hpp"

namespace antler::isa {

// What cbo.inval does; a lower mode can only ask for less than a higher one allows. 2 is reserved.
// [norm:henvcfg_cbie] [norm:cbo-inval_h-mode_op0] [norm:cbo-inval_h-mode_op1] [norm:cbo-inval_h-mode_op2]
enum class CacheInvalidate : u8 { traps = 0, flushes = 1, invalidates = 3 };

struct Henvcfg {  // 64 bits on both widths, through henvcfgh on RV32. [norm:henvcfg_sz_acc_op]
                  // [norm:henvcfgh_sz_acc_op]
    using Raw = u64;
    using fiom = Field<0>;                      // [norm:henvcfg_fiom_op] [norm:henvcfg_fiom_order]
    using lpe = Field<2>;                       // [norm:henvcfg_lpe_op]
    using sse = Field<3>;                       // [norm:henvcfg_sse_op]
    using cbie = Field<5, 4, CacheInvalidate>;  // [norm:henvcfg_cbie]
    using cbcfe = Field<6>;                     // [norm:henvcfg_cbcfe]
    using cbze = Field<7>;                      // [norm:henvcfg_cbze]
    using pmm = Field<33, 32, u8>;              // [norm:henvcfg_pmm_op]
    using dte = Field<59>;                      // [norm:henvcfg_dte_op]
    using adue = Field<61>;                     // [norm:henvcfg_adue_op]
    using pbmte = Field<62>;                    // [norm:henvcfg_pbmte_op]
    using stce = Field<63>;                     // [norm:henvcfg_stce]
    Raw raw{};
    friend constexpr bool operator==(Henvcfg, Henvcfg) = default;
};

template <Xlen X>
struct SenvcfgOf {  // Not banked: the hypervisor swaps it.                    [norm:senvcfg]
                    // [norm:H_scsrs_nomatch]
    using Raw = Word<X>;
    using fiom = WordField<X, 0>;                      // [norm:senvcfg_fiom]
    using lpe = WordField<X, 2>;                       // [norm:senvcfg_lpe_Zicfilp]
    using sse = WordField<X, 3>;                       // [norm:senvcfg_sse_Zicfilp]
    using cbie = WordField<X, 5, 4, CacheInvalidate>;  // [norm:senvcfg_cbie]
    using cbcfe = WordField<X, 6>;                     // [norm:senvcfg_cbcfe]
    using cbze = WordField<X, 7>;                      // [norm:senvcfg_cbze]
    using pmm = Rv64Field<X, 33, 32, u8>;              // [norm:senvcfg_pmm_Ssnpm]
    Raw raw{};
    friend constexpr bool operator==(SenvcfgOf, SenvcfgOf) = default;
};
using Senvcfg = SenvcfgOf<native>;

// Which counters the next lower mode may read; 32 bits on both widths.  TM also opens stimecmp to the
// guest. [norm:hcounteren_acc]  scounteren is not banked.
template <class Name>
struct CounterEnable {
    using Raw = u32;
    using cy = Field32<0>;
    using tm = Field32<1>;
    using ir = Field32<2>;
    Raw raw{};
    [[nodiscard]] constexpr bool has(unsigned counter) const {
        return counter < 32 && (raw >> counter & 1) != 0;
    }
    friend constexpr bool operator==(CounterEnable, CounterEnable) = default;
};
using Hcounteren = CounterEnable<struct HcounterenName>;  // [norm:hcounteren_sz] [norm:hcounteren_op]
using Scounteren = CounterEnable<struct ScounterenName>;  // [norm:scounteren] [norm:H_scsrs_nomatch]

// 64 bits on both widths.                                                       [norm:hstateen_rv64_csrs]
template <class Name>
struct HstateenRegister {
    using Raw = u64;
    using c = Field<0>;         // custom state                                        [norm:stateen0_c_op]
    using fcsr = Field<1>;      // fcsr for Zfinx                                    [norm:stateen0_fcsr_op]
    using jvt = Field<2>;       // [norm:stateen0_jvt_op]
    using ctr = Field<54>;      // control transfer records
    using srmcfg = Field<55>;   // reserved here, of mstateen0 only                 [norm:mstateen0_srmcfg_op]
    using context = Field<57>;  // scontext                                      [norm:hstateen0_context_op]
    using imsic = Field<58>;    // stopei, vstopei                                 [norm:hstateen0_imsic_op]
    using aia = Field<59>;      // [norm:hstateen0_aia_op]
    using csrind = Field<60>;   // siselect, sireg*                               [norm:hstateen0_csrind_op]
    using envcfg = Field<62>;   // senvcfg                                        [norm:hstateen0_envcfg_op]
    using se = Field<63>;       // sstateen of the same number                       [norm:hstateen_bit_63_op]
    Raw raw{};
    friend constexpr bool operator==(HstateenRegister, HstateenRegister) = default;
};
using Hstateen0 = HstateenRegister<struct Hstateen0Name>;
using Hstateen1 = HstateenRegister<struct Hstateen1Name>;  // 1 to 3 have only `se`
using Hstateen2 = HstateenRegister<struct Hstateen2Name>;
using Hstateen3 = HstateenRegister<struct Hstateen3Name>;

template <class Name, Xlen X>
struct SstateenRegister {  // [norm:sstateen_rv64_csrs] [norm:sstateen_user_access_control]
    using Raw = Word<X>;
    using c = WordField<X, 0>;
    using fcsr = WordField<X, 1>;
    using jvt = WordField<X, 2>;
    Raw raw{};
    friend constexpr bool operator==(SstateenRegister, SstateenRegister) = default;
};
using Sstateen0 = SstateenRegister<struct Sstateen0Name, native>;

// Plain values whose type says which register they are.
template <class Name, class Bits>
struct ValueRegister {
    using Raw = Bits;
    Raw raw{};
    friend constexpr bool operator==(ValueRegister, ValueRegister) = default;
};
// Added to time for V=1, wrapping, so a large value is a negative one. It is there where time is, in two
// halves on RV32. [norm:htimedelta_sz_acc_op] [norm:htimedeltah_sz_acc_op] [norm:time_htimedelta_req]
using Htimedelta = ValueRegister<struct HtimedeltaName, u64>;
using Stimecmp = ValueRegister<struct StimecmpName, u64>;    // [norm:stimecmp_stimecmph_sz_acc]
using Vstimecmp = ValueRegister<struct VstimecmpName, u64>;  // [norm:vstimecmp_sz] [norm:vstimecmp_acc]

// The guest's timer is due when time + htimedelta, cut to 64 bits, has reached vstimecmp. [norm:hip_vstip_op]
// It stays due until vstimecmp is moved on, and is taken by the rules of every interrupt.
// [norm:hip_vstip_clear] [norm:hip_vstip_enable]
[[nodiscard]] constexpr bool guest_timer_due(u64 time, Htimedelta delta, Vstimecmp due) {
    return time + delta.raw >= due.raw;
}
static_assert(guest_timer_due(100, {~u64{0} - 99}, {0}) && !guest_timer_due(100, {~u64{0} - 99}, {1}));

static_assert(Henvcfg::stce::mask == u64{1} << 63 &&
              Henvcfg::cbie::get(0x30) == CacheInvalidate::invalidates);

}  // namespace antler::isa
