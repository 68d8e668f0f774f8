// What a register holds after a write: one function for the real one, the emulated one and the nested one.
#pragma once

#include "isa/csr.hpp"
#include "isa/features.hpp"

namespace antler::isa {

namespace detail {

// The lowest `count` bits of an identifier are the implemented ones.   [norm:hgatp_vmid_lsbs] [norm:asidlen]
constexpr u16 low_bits(unsigned count) {
    return static_cast<u16>(count >= 16 ? 0xffff : (1u << count) - 1);
}

// `wanted` where the mask is set, `old` elsewhere.
template <class Raw>
constexpr Raw under_mask(Raw mask, Raw wanted, Raw old = 0) {
    return static_cast<Raw>((wanted & mask) | (old & static_cast<Raw>(~mask)));
}

}  // namespace detail

// Unlike satp, an unsupported MODE does not void the write: each field is WARL.       [norm:hgatp_mode_warl]
template <Xlen X>
[[nodiscard]] constexpr HgatpOf<X> legalize(HgatpOf<X> old, HgatpOf<X> wanted, Features const& f) {
    using H = HgatpOf<X>;
    auto const mode = f.supports(get<typename H::mode>(wanted)) ? get<typename H::mode>(wanted)
                                                                : get<typename H::mode>(old);
    u16 const vmid = get<typename H::vmid>(wanted) & detail::low_bits(f.vmid_bits);  // [norm:hgatp_vmid]
    return H::of(mode, vmid, wanted.root());                                         // [norm:hgatp_ppn_op]
}

// A write of an unsupported MODE changes nothing at all.                     [norm:satp_mode_op_unsupported]
template <Xlen X>
[[nodiscard]] constexpr SatpOf<X> legalize(SatpOf<X> old, SatpOf<X> wanted, Features const& f) {
    using S = SatpOf<X>;
    if (!f.supports(get<typename S::mode>(wanted))) return old;
    return with<typename S::asid>(wanted, get<typename S::asid>(wanted) & detail::low_bits(f.asid_bits));
}

// The guest's own write, V=1, must be ignored; one from V=0 may be, and is. [norm:vsatp_mode_unsupported_v1]
// [norm:vsatp_mode_unsupported_v0]
template <Xlen X>
[[nodiscard]] constexpr VsatpOf<X> legalize(VsatpOf<X> old, VsatpOf<X> wanted, Features const& f) {
    using S = VsatpOf<X>;
    if (!f.supports(get<typename S::mode>(wanted))) return old;
    return with<typename S::asid>(wanted, get<typename S::asid>(wanted) & detail::low_bits(f.asid_bits));
}

// Each control is there with its extension and read-only zero without.
[[nodiscard]] constexpr Henvcfg legalize(Henvcfg old, Henvcfg wanted, Features const& f) {
    if (!f.henvcfg) return {};
    using E = Henvcfg;
    u64 mask = E::fiom::mask;                              // [norm:henvcfg_fiom_op]
    if (f.zicfilp) mask |= E::lpe::mask;                   // [norm:henvcfg_lpe_op]
    if (f.zicfiss) mask |= E::sse::mask;                   // [norm:henvcfg_sse_op]
    if (f.zicbom) mask |= E::cbie::mask | E::cbcfe::mask;  // [norm:henvcfg_cbie] [norm:henvcfg_cbcfe]
    if (f.zicboz) mask |= E::cbze::mask;                   // [norm:henvcfg_cbze]
    if (f.ssnpm) mask |= E::pmm::mask;                     // [norm:henvcfg_pmm_op]
    if (f.ssdbltrp) mask |= E::dte::mask;                  // [norm:henvcfg_dte_op]
    if (f.svadu) mask |= E::adue::mask;                    // [norm:henvcfg_adue_op]
    if (f.svpbmt) mask |= E::pbmte::mask;                  // [norm:henvcfg_pbmte_op]
    if (f.sstc) mask |= E::stce::mask;                     // [norm:henvcfg_stce]
    if (static_cast<u8>(get<E::cbie>(wanted)) == 2) wanted = with<E::cbie>(wanted, get<E::cbie>(old));
    if (get<E::pmm>(wanted) == 1) wanted = with<E::pmm>(wanted, get<E::pmm>(old));
    return {wanted.raw & mask};
}

template <Xlen X>
[[nodiscard]] constexpr SenvcfgOf<X> legalize(SenvcfgOf<X> old, SenvcfgOf<X> wanted, Features const& f) {
    using E = SenvcfgOf<X>;
    Word<X> mask = E::fiom::mask;                          // [norm:senvcfg_fiom]
    if (f.zicfilp) mask |= E::lpe::mask;                   // [norm:senvcfg_lpe_Zicfilp]
    if (f.zicfiss) mask |= E::sse::mask;                   // [norm:senvcfg_sse_Zicfilp]
    if (f.zicbom) mask |= E::cbie::mask | E::cbcfe::mask;  // [norm:senvcfg_cbie] [norm:senvcfg_cbcfe]
    if (f.zicboz) mask |= E::cbze::mask;                   // [norm:senvcfg_cbze]
    if (f.ssnpm) mask |= E::pmm::mask;                     // [norm:senvcfg_pmm_Ssnpm]
    if (static_cast<u8>(get<typename E::cbie>(wanted)) == 2)
        wanted = with<typename E::cbie>(wanted, get<typename E::cbie>(old));
    if (get<typename E::pmm>(wanted) == 1) wanted = with<typename E::pmm>(wanted, get<typename E::pmm>(old));
    return {static_cast<Word<X>>(wanted.raw & mask)};
}

// VSXL and VSBE have one value each: guests have our width and are little-endian.  [norm:vsxl_ro]
// [norm:hstatus_vsbe_op] VGEIN that names no interrupt file is not taken. [norm:hstatus_vgein_op]
template <Xlen X>
[[nodiscard]] constexpr HstatusOf<X> legalize(HstatusOf<X> old, HstatusOf<X> wanted, Features const& f) {
    using H = HstatusOf<X>;
    Word<X> mask = H::gva::mask | H::spv::mask | H::spvp::mask | H::hu::mask | H::vtvm::mask | H::vtw::mask |
                   H::vtsr::mask;
    if (f.geilen != 0) mask |= H::vgein::mask;
    if (f.ssnpm) mask |= H::hupmm::mask;
    if (get<typename H::vgein>(wanted) > f.geilen)
        wanted = with<typename H::vgein>(wanted, get<typename H::vgein>(old));
    if (get<typename H::hupmm>(wanted) == 1)
        wanted = with<typename H::hupmm>(wanted, get<typename H::hupmm>(old));
    return with<typename H::vsxl>(H{static_cast<Word<X>>(wanted.raw & mask)}, WidthCode::rv64);
}

// Calls of HS-mode and above, guest-page faults, virtual instructions and double traps are never delegated.
// [norm:hedeleg_acc] [norm:hedeleg_sz_acc]
inline constexpr Hedeleg delegable_exceptions = Hedeleg::of(
    Exception::fetch_misaligned, Exception::fetch_access, Exception::illegal_instruction,
    Exception::breakpoint, Exception::load_misaligned, Exception::load_access, Exception::store_misaligned,
    Exception::store_access, Exception::ecall_from_u, Exception::fetch_page_fault, Exception::load_page_fault,
    Exception::store_page_fault, Exception::software_check, Exception::hardware_error);
template <Xlen X>
[[nodiscard]] constexpr HedelegOf<X> legalize(HedelegOf<X>, HedelegOf<X> wanted, Features const&) {
    return {wanted.raw & delegable_exceptions.raw};
}

// [norm:hideleg_acc] [norm:vsip_vsie_lcofi]
template <Xlen X>
[[nodiscard]] constexpr HidelegOf<X> legalize(HidelegOf<X>, HidelegOf<X> wanted, Features const& f) {
    Word<X> const lcofi = f.shlcofideleg ? HidelegOf<X>::lcofi::mask : Word<X>{0};
    return {static_cast<Word<X>>(wanted.raw & (vs_level_interrupts<X> | lcofi))};
}

// [norm:hie_acc] [norm:sie_hip_hie_mutex]
template <Xlen X>
[[nodiscard]] constexpr HieOf<X> legalize(HieOf<X>, HieOf<X> wanted, Features const& f) {
    Word<X> const sgei = f.geilen != 0 ? HieOf<X>::sgei::mask : Word<X>{0};
    return {static_cast<Word<X>>(wanted.raw & (vs_level_interrupts<X> | sgei))};
}

template <Xlen X>
[[nodiscard]] constexpr HvipOf<X> legalize(HvipOf<X>, HvipOf<X> wanted, Features const&) {  // [norm:hvip_acc]
    return {static_cast<Word<X>>(wanted.raw & vs_level_interrupts<X>)};
}

// Bits GEILEN to 1.                                                                            [norm:geilen]
template <Xlen X>
[[nodiscard]] constexpr HgeieOf<X> legalize(HgeieOf<X>, HgeieOf<X> wanted, Features const& f) {
    unsigned const files = f.geilen < bits<X> ? f.geilen : bits<X> - 1;
    Word<X> const above = files + 1 < bits<X> ? static_cast<Word<X>>(~Word<X>{0} << (files + 1)) : Word<X>{0};
    return {static_cast<Word<X>>(wanted.raw & ~above & ~Word<X>{1})};
}

// [norm:hcounteren_warl] [norm:scounteren_acc]
template <class Name>
[[nodiscard]] constexpr CounterEnable<Name> legalize(CounterEnable<Name>, CounterEnable<Name> wanted,
                                                     Features const& f) {
    return {wanted.raw & f.counters};
}

// Only what exists can be opened, and SE0 gives sstateen0 itself.  [norm:stateen_unimplemented_state_roz]
// [norm:hstateen0_SE0_op]
[[nodiscard]] constexpr Hstateen0 legalize(Hstateen0, Hstateen0 wanted, Features const& f) {
    if (!f.hstateen) return {};
    using S = Hstateen0;
    u64 mask = S::se::mask | S::envcfg::mask;
    if (f.aia) mask |= S::csrind::mask | S::imsic::mask | S::aia::mask;
    if (f.smctr) mask |= S::ctr::mask;
    if (f.zcmt) mask |= S::jvt::mask;
    return {wanted.raw & mask};
}

// FS and VS stay off without F and V; SD is what they say; the rest of what we do not keep is zero.
// [norm:vsstatus_sd_xs_op] [norm:vsstatus_ube] [norm:vsstatus_uxl_op] [norm:vsstatus_sdt_op]
template <Xlen X>
[[nodiscard]] constexpr VsstatusOf<X> legalize(VsstatusOf<X>, VsstatusOf<X> wanted, Features const& f) {
    using V = VsstatusOf<X>;
    Word<X> mask = V::sie::mask | V::spie::mask | V::spp::mask | V::sum::mask | V::mxr::mask;
    if (f.f) mask |= V::fs::mask;
    if (f.v) mask |= V::vs::mask;
    V status{static_cast<Word<X>>(wanted.raw & mask)};
    bool const dirty = get<typename V::fs>(status) == ContextStatus::dirty ||
                       get<typename V::vs>(status) == ContextStatus::dirty;
    status = with<typename V::sd>(status, dirty);
    return with<typename V::uxl>(status, WidthCode::rv64);
}

// Modes 2 and 3 are reserved.                                                [norm:stvec_op]
// [norm:stvec_sz_base]
template <class Name, Xlen X>
[[nodiscard]] constexpr TrapVector<Name, X> legalize(TrapVector<Name, X> old, TrapVector<Name, X> wanted,
                                                     Features const&) {
    using T = TrapVector<Name, X>;
    if (static_cast<u8>(get<typename T::mode>(wanted)) > 1)
        return with<typename T::mode>(wanted, get<typename T::mode>(old));
    return wanted;
}

// What hip reads as.  [norm:hip_vseip_vseie_op] [norm:hip_vstip_vstie_acc_op] [norm:hip_vssip_vssie_op]
// [norm:hip_sgeip_sgeie_acc_op]
template <Xlen X>
[[nodiscard]] constexpr HipOf<X> pending(HvipOf<X> hvip, HgeipOf<X> hgeip, HgeieOf<X> hgeie,
                                         HstatusOf<X> hstatus, bool guest_timer_is_due) {
    using H = HipOf<X>;
    H hip{hvip.raw};
    u8 const file = get<typename HstatusOf<X>::vgein>(hstatus);
    if (file != 0 && hgeip.has(file)) hip = with<typename H::vsei>(hip, true);
    if (guest_timer_is_due) hip = with<typename H::vsti>(hip, true);
    return with<typename H::sgei>(hip, (hgeip.raw & hgeie.raw) != 0);
}

// After a guest wrote its sie: the bits that hideleg gives it, one place up.  [norm:vsip_vsie_sei]
// [norm:vsip_vsie_sti] [norm:vsip_vsie_ssi]
template <Xlen X>
[[nodiscard]] constexpr HieOf<X> write_through_vs(HieOf<X> hie, VsieOf<X> wanted, HidelegOf<X> hideleg) {
    Word<X> const given = hideleg.raw & vs_level_interrupts<X>;
    return {detail::under_mask<Word<X>>(given, static_cast<Word<X>>(wanted.raw << 1), hie.raw)};
}
// ... and its sip, where only the software interrupt can be written. [norm:hip_vssip_vssie_op]
template <Xlen X>
[[nodiscard]] constexpr HvipOf<X> write_through_vs(HvipOf<X> hvip, VsipOf<X> wanted, HidelegOf<X> hideleg) {
    Word<X> const given = hideleg.raw & HvipOf<X>::vssi::mask;
    return {detail::under_mask<Word<X>>(given, static_cast<Word<X>>(wanted.raw << 1), hvip.raw)};
}

namespace detail {
inline constexpr Features everything = Features::all();
inline constexpr Features little = [] {
    Features f{};
    f.sv39 = f.sv39x4 = f.henvcfg = true;
    f.vmid_bits = 7;
    return f;
}();
}  // namespace detail
static_assert(legalize(HgatpOf<Xlen::rv64>{}, {~u64{0}}, detail::little) ==
              HgatpOf<Xlen::rv64>::of(GStageMode::bare, 0x7f, Hpa{0xff'ffff'ffff'c000}));
static_assert(legalize(SatpOf<Xlen::rv64>{5}, {u64{9} << 60}, detail::little) == SatpOf<Xlen::rv64>{5});
static_assert(legalize(Henvcfg{}, Henvcfg{~u64{0}}, detail::little).raw == 1);
static_assert(legalize(Hedeleg{}, Hedeleg{~u64{0}}, detail::everything).raw == 0xc'b1ff);
static_assert(legalize(HidelegOf<Xlen::rv32>{}, {~u32{0}}, detail::little).raw == 0x444);
static_assert(legalize(HgeieOf<Xlen::rv64>{}, {~u64{0}}, detail::everything).raw == ~u64{1});

}  // namespace antler::isa
