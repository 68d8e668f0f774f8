// What a hart does to the VS registers when it takes a trap into VS-mode, and when it returns from one.
#pragma once

#include "isa/csr.hpp"

namespace antler::isa {

// Where the guest was.
template <Xlen X>
struct GuestPointOf {
    VsstatusOf<X> vsstatus{};
    VstvecOf<X> vstvec{};
    Word<X> pc{};
    bool in_vs{};  // VS-mode; false is VU-mode
};
using GuestPoint = GuestPointOf<native>;

// What the VS registers hold after a trap into VS-mode.  The guest goes on at `pc`, in VS-mode; hstatus and
// the HS-level sstatus are not part of it. [norm:H_trap_vs_csrwrites]
template <Xlen X>
struct PlacedTrapOf {
    VsstatusOf<X> vsstatus{};
    VsepcOf<X> vsepc{};
    VscauseOf<X> vscause{};
    VstvalOf<X> vstval{};
    Word<X> pc{};
    friend constexpr bool operator==(PlacedTrapOf const&, PlacedTrapOf const&) = default;
};
using PlacedTrap = PlacedTrapOf<native>;

// SDT is left alone: henvcfg.DTE is never set, so vsstatus.SDT is read-only zero. [norm:henvcfg_dte_op]
template <Xlen X, class Cause>
[[nodiscard]] constexpr PlacedTrapOf<X> place_trap(GuestPointOf<X> const& at, Cause cause, Word<X> tval) {
    using V = VsstatusOf<X>;
    auto status = at.vsstatus;
    status = with<typename V::spp>(status, at.in_vs);                       // [norm:sstatus_spp]
    status = with<typename V::spie>(status, get<typename V::sie>(status));  // [norm:sstatus_spie]
    status = with<typename V::sie>(status, false);                          // [norm:sstatus_sie]
    return {.vsstatus = status,
            .vsepc = {static_cast<Word<X>>(at.pc & ~Word<X>{1})},  // the low bit is always zero [norm:sepc]
            .vscause = VscauseOf<X>::of(cause),
            .vstval = {tval},
            .pc = at.vstvec.entry(cause)};
}

// An exception for the guest.  Reflecting a virtual instruction makes it an illegal one: a guest without H
// never sees cause 22, and no guest sees a guest-page fault.          [norm:hedeleg_acc]
// [norm:H_guest_page_fault]
template <Xlen X>
[[nodiscard]] constexpr PlacedTrapOf<X> place_exception(GuestPointOf<X> const& at, Exception cause,
                                                        Word<X> tval) {
    switch (cause) {
        case Exception::virtual_instruction: cause = Exception::illegal_instruction; break;
        case Exception::fetch_guest_page_fault: cause = Exception::fetch_access; break;
        case Exception::load_guest_page_fault: cause = Exception::load_access; break;
        case Exception::store_guest_page_fault: cause = Exception::store_access; break;
        case Exception::ecall_from_vs: cause = Exception::ecall_from_hs; break;  // a guest's own S-mode
        case Exception::fetch_misaligned:
        case Exception::fetch_access:
        case Exception::illegal_instruction:
        case Exception::breakpoint:
        case Exception::load_misaligned:
        case Exception::load_access:
        case Exception::store_misaligned:
        case Exception::store_access:
        case Exception::ecall_from_u:
        case Exception::ecall_from_hs:
        case Exception::ecall_from_m:
        case Exception::fetch_page_fault:
        case Exception::load_page_fault:
        case Exception::store_page_fault:
        case Exception::double_trap:
        case Exception::software_check:
        case Exception::hardware_error: break;
    }
    return place_trap(at, cause, tval);
}

// An interrupt under the number the guest knows: 1, 5 or 9.  stval is zero.  [norm:hideleg_trans]
// [norm:stval_op_other_traps]
template <Xlen X>
[[nodiscard]] constexpr PlacedTrapOf<X> place_interrupt(GuestPointOf<X> const& at, Interrupt which) {
    return place_trap(at, which, Word<X>{0});
}

// SRET as VS-mode executes it, for VMs whose policy traps it.                                  [norm:sret_v1]
template <Xlen X>
struct ReturnedOf {
    VsstatusOf<X> vsstatus{};
    Word<X> pc{};
    bool in_vs{};
    friend constexpr bool operator==(ReturnedOf const&, ReturnedOf const&) = default;
};
using Returned = ReturnedOf<native>;

template <Xlen X>
[[nodiscard]] constexpr ReturnedOf<X> return_from_trap(VsstatusOf<X> status, VsepcOf<X> vsepc) {
    using V = VsstatusOf<X>;
    bool const in_vs = get<typename V::spp>(status);
    status = with<typename V::sie>(status, get<typename V::spie>(status));
    status = with<typename V::spie>(status, true);
    status = with<typename V::spp>(status, false);
    return {status, static_cast<Word<X>>(vsepc.raw & ~Word<X>{1}), in_vs};
}

namespace detail {
inline constexpr GuestPointOf<Xlen::rv64> example_point{
    .vsstatus = VsstatusOf<Xlen::rv64>{0x2}, .vstvec = {0x8000'0001}, .pc = 0x8000'1000, .in_vs = true};
}
static_assert(place_exception(detail::example_point, Exception::breakpoint, u64{7}) ==
              PlacedTrapOf<Xlen::rv64>{VsstatusOf<Xlen::rv64>{0x120}, {0x8000'1000}, {3}, {7}, 0x8000'0000});
static_assert(place_interrupt(detail::example_point, Interrupt::supervisor_timer).pc == 0x8000'0014);
static_assert(return_from_trap(VsstatusOf<Xlen::rv64>{0x120}, {0x8000'1000}) ==
              ReturnedOf<Xlen::rv64>{VsstatusOf<Xlen::rv64>{0x22}, 0x8000'1000, true});

}  // namespace antler::isa
