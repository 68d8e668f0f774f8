// Interrupt enable, pending and delegation registers, one bit for each interrupt number.
#pragma once

#include "isa/cause.hpp"
#include "isa/xlen.hpp"

namespace antler::isa {

// hideleg gives an interrupt to VS-mode that HS-mode was given; hip and hie hold what sip and sie do not.
// [norm:hideleg_op] [norm:hip_acc] [norm:hip_img] [norm:hie_img] [norm:hvip_img] [norm:hideleg_img]
// Which register it is stays in the type, so that hie cannot be written with hip's value.
template <class Name, Xlen X>
struct InterruptBits {
    using Raw = Word<X>;
    using ssi = WordField<X, 1>;
    using vssi = WordField<X, 2>;
    using sti = WordField<X, 5>;
    using vsti = WordField<X, 6>;
    using sei = WordField<X, 9>;
    using vsei = WordField<X, 10>;
    using sgei = WordField<X, 12>;
    using lcofi = WordField<X, 13>;
    Raw raw{};

    static constexpr Raw bit(Interrupt i) { return Raw{1} << static_cast<u8>(i); }
    template <class... I>
    static constexpr InterruptBits of(I... i) {
        return {static_cast<Raw>((Raw{0} | ... | bit(i)))};
    }
    [[nodiscard]] constexpr bool has(Interrupt i) const { return (raw & bit(i)) != 0; }
    [[nodiscard]] constexpr InterruptBits plus(Interrupt i) const { return {raw | bit(i)}; }
    [[nodiscard]] constexpr InterruptBits minus(Interrupt i) const { return {raw & ~bit(i)}; }
    friend constexpr bool operator==(InterruptBits, InterruptBits) = default;
};

template <Xlen X>
using SieOf = InterruptBits<struct SieName, X>;  // [norm:sie_acc]
template <Xlen X>
using SipOf = InterruptBits<struct SipName, X>;  // [norm:sip_acc]
template <Xlen X>
using HieOf = InterruptBits<struct HieName, X>;  // [norm:hip_hie_sz_acc] [norm:hie_op]
template <Xlen X>
using HipOf = InterruptBits<struct HipName, X>;  // [norm:hip_hie_sz_acc] [norm:hip_op]
template <Xlen X>
using HvipOf = InterruptBits<struct HvipName, X>;  // [norm:hvip_sz_op] [norm:hvip_acc]
template <Xlen X>
using HidelegOf = InterruptBits<struct HidelegName, X>;  // [norm:hideleg_sz_acc]
template <Xlen X>
using HvienOf = InterruptBits<struct HvienName, X>;  // [aia VSLevel]
// What VS-mode sees: its interrupts under the supervisor's numbers 1, 5 and 9.         [norm:hideleg_trans]
template <Xlen X>
using VsieOf = InterruptBits<struct VsieName, X>;  // [norm:vsip_vsie_sz_acc_op]
template <Xlen X>
using VsipOf = InterruptBits<struct VsipName, X>;  // [norm:vsip_vsie_sz_acc_op]

using Sie = SieOf<native>;
using Sip = SipOf<native>;
using Hie = HieOf<native>;
using Hip = HipOf<native>;
using Hvip = HvipOf<native>;
using Hideleg = HidelegOf<native>;
using Hvien = HvienOf<native>;
using Vsie = VsieOf<native>;
using Vsip = VsipOf<native>;

// The three interrupts that belong to VS-level, as bits 2, 6 and 10.
template <Xlen X>
inline constexpr Word<X> vs_level_interrupts = 0x444;

// As VS-mode sees a set of VS-level bits: one place down.    [norm:vsip_vsie_ssi] [norm:vsip_vsie_sti]
// [norm:vsip_vsie_sei]
template <Xlen X>
[[nodiscard]] constexpr VsipOf<X> seen_by_vs(HipOf<X> hip, HidelegOf<X> hideleg) {
    return {static_cast<Word<X>>((hip.raw & hideleg.raw & vs_level_interrupts<X>) >> 1)};
}
template <Xlen X>
[[nodiscard]] constexpr VsieOf<X> seen_by_vs(HieOf<X> hie, HidelegOf<X> hideleg) {
    return {static_cast<Word<X>>((hie.raw & hideleg.raw & vs_level_interrupts<X>) >> 1)};
}

// One bit for each exception; a set one hands it to VS-mode when V was 1.  64 bits, in two registers on RV32.
// [norm:hedeleg_op] [norm:hedeleg_img] [norm:hedeleg_sz_acc] [norm:hedelegh_sz_acc_op]
template <Xlen X>
struct HedelegOf {
    using Raw = u64;
    Raw raw{};

    static constexpr Raw bit(Exception e) { return Raw{1} << static_cast<u8>(e); }
    template <class... E>
    static constexpr HedelegOf of(E... e) {
        return {(Raw{0} | ... | bit(e))};
    }
    [[nodiscard]] constexpr bool has(Exception e) const { return (raw & bit(e)) != 0; }
    friend constexpr bool operator==(HedelegOf, HedelegOf) = default;
};
using Hedeleg = HedelegOf<native>;

// Guest external interrupt i is bit i; bit 0 does not exist.       [norm:hgeip_hgeie_fields] [norm:geilen]
template <Xlen X>
struct HgeieOf {  // [norm:hgeie_sz_acc_op] [norm:hgeie_op]
    using Raw = Word<X>;
    Raw raw{};
    [[nodiscard]] constexpr bool has(unsigned file) const { return file < bits<X> && (raw >> file & 1) != 0; }
    friend constexpr bool operator==(HgeieOf, HgeieOf) = default;
};
using Hgeie = HgeieOf<native>;

template <Xlen X>
struct HgeipOf {  // read-only                                                         [norm:hgeip_sz_acc_op]
    using Raw = Word<X>;
    Raw raw{};
    [[nodiscard]] constexpr bool has(unsigned file) const { return file < bits<X> && (raw >> file & 1) != 0; }
    friend constexpr bool operator==(HgeipOf, HgeipOf) = default;
};
using Hgeip = HgeipOf<native>;

template <Xlen X>
struct HvictlOf {  // One interrupt put before a guest by hand.                               [aia VSLevel]
    using Raw = Word<X>;
    using vti = WordField<X, 30>;  // guest accesses to sip and sie trap
    using iid = WordField<X, 27, 16, u16>;
    using dpr = WordField<X, 9>;
    using ipriom = WordField<X, 8>;
    using iprio = WordField<X, 7, 0, u8>;
    Raw raw{};
    friend constexpr bool operator==(HvictlOf, HvictlOf) = default;
};
using Hvictl = HvictlOf<native>;

// Priorities of the guest's major interrupts, eight bits each.                              [aia VSLevel]
template <Xlen X>
struct Hviprio1Of {
    using Raw = u64;
    Raw raw{};
    friend constexpr bool operator==(Hviprio1Of, Hviprio1Of) = default;
};
using Hviprio1 = Hviprio1Of<native>;
template <Xlen X>
struct Hviprio2Of {
    using Raw = u64;
    Raw raw{};
    friend constexpr bool operator==(Hviprio2Of, Hviprio2Of) = default;
};
using Hviprio2 = Hviprio2Of<native>;

template <Xlen X>
struct SiselectOf {  // [norm:siselect_min_range]
    using Raw = Word<X>;
    Raw raw{};
    friend constexpr bool operator==(SiselectOf, SiselectOf) = default;
};
using Siselect = SiselectOf<native>;
template <Xlen X>
struct VsiselectOf {  // [norm:vsiselect_min_range]
    using Raw = Word<X>;
    Raw raw{};
    friend constexpr bool operator==(VsiselectOf, VsiselectOf) = default;
};
using Vsiselect = VsiselectOf<native>;

// stopi and vstopi say which major interrupt is next.                                         [aia CSRs]
template <class Name, Xlen X>
struct TopInterrupt {
    using Raw = Word<X>;
    using iid = WordField<X, 27, 16, u16>;
    using iprio = WordField<X, 7, 0, u8>;
    Raw raw{};
    friend constexpr bool operator==(TopInterrupt, TopInterrupt) = default;
};
using Stopi = TopInterrupt<struct StopiName, native>;
using Vstopi = TopInterrupt<struct VstopiName, native>;

static_assert(
    HieOf<Xlen::rv64>::of(Interrupt::vs_software, Interrupt::vs_timer, Interrupt::vs_external).raw == 0x444);
static_assert(seen_by_vs(HipOf<Xlen::rv64>{0x1444}, HidelegOf<Xlen::rv64>{0x440}).raw == 0x220);
static_assert(HedelegOf<Xlen::rv32>::of(Exception::breakpoint, Exception::store_guest_page_fault).raw ==
              0x80'0008);

}  // namespace antler::isa
