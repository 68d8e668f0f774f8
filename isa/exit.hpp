// Why a guest came out, decoded once from the trap registers into a sum type.
#pragma once

#include <optional>
#include <type_traits>
#include <variant>

#include "base/address.hpp"
#include "isa/csr.hpp"

namespace antler::isa {

// What the hart wrote when it took the trap from V=1 into HS-mode, the first of the exceptions by priority.
// [norm:H_trap_deleg] [norm:H_exception_priority] [norm:H_trap_hs_csrwrites]
template <Xlen X>
struct TrapCsrsOf {
    Word<X> scause{};
    Word<X> stval{};
    Word<X> htval{};
    Word<X> htinst{};
    Word<X> sepc{};
    HstatusOf<X> hstatus{};
};
using TrapCsrs = TrapCsrsOf<native>;

// Silicon may write zero to htinst and htval where QEMU does not: this makes us see zero.
struct DecodeOptions {
    bool ignore_htinst{};
    bool ignore_htval{};
};

// The guest's kernel called us.                                                      [norm:H_cause_ecall]
struct SbiCall {
    friend constexpr bool operator==(SbiCall, SbiCall) = default;
};

// Stage 2 did not let an access through.                                       [norm:H_guest_page_fault]
struct GuestPageFault {
    Access access{};             // what the guest was doing, also when its tables were in the way
    std::optional<Gpa> where{};  // nothing: the hart did not say; walk vsatp in software [norm:htval_trapval]
    Gva address{};  // what the guest program used; the second page of an access over two [norm:H_straddle]
    bool walking_vs_tables{};  // `where` is an entry of the guest's own tables [norm:H_trap_xtinst_guestpage]
    bool writing_vs_tables{};  // ... whose A or D the hart wanted to set [norm:H_trap_xtinst_guestpage_rw]
    u64 htinst{};              // the transformed instruction, or zero             [norm:H_trap_xtinst]
    friend constexpr bool operator==(GuestPageFault const&, GuestPageFault const&) = default;
};

// Valid in HS-mode, not here: emulate it or make it an illegal instruction.
// [norm:H_cause_virtual_instruction]
//   a counter, or time, that hcounteren or scounteren keeps shut, and its upper half
//     [norm:H_virtinst_vs_nonhighctr_h0_m1] [norm:H_virtinst_vu_nonhighctr_h0_s0_m1]
//     [norm:H_virtinst_vs32_highctr_h0_m1] [norm:H_virtinst_vu32_highctr_h0_s0_m1]
//   hlv, hlvx, hsv and hfence
//     [norm:H_virtinst_vu_vs_hinst] [norm:hlsv_virtinst] [norm:hfence-vvma_hfence-gvma_exceptions]
//   a hypervisor or VS register by its number
//     [norm:H_virtinst_vu_vs_nonhigh_allowedhs_tvm0] [norm:H_virtinst_vu_vs32_high_allowedhs_tvm0]
//   from VU-mode: wfi, sret, sfence.vma and supervisor registers
//     [norm:H_virtinst_vu_wfi_tw0] [norm:H_virtinst_vu_sret_sfence]
//     [norm:H_virtinst_vu_nonhigh_supervisor_allowedhs_tvm0]
//     [norm:H_virtinst_vu32_high_supervisor_allowedhs_tvm0]
//   from VS-mode: wfi under VTW, sret under VTSR, sfence.vma, sinval.vma and satp under VTVM
//     [norm:H_virtinst_wfi_vtw1_tw0] [norm:H_virtinst_vs_sret_vtsr1]
//     [norm:H_virtinst_vs_sfence_sinval_satp_vtvm1]
//   cbo.inval, cbo.clean, cbo.flush and cbo.zero that henvcfg keeps shut
//     [norm:cbo-inval_h-mode_veq1_op] [norm:henvcfg_cbcfe] [norm:henvcfg_cbze]
struct VirtualInstruction {
    u32 bits{};  // zero: the hart did not say, fetch it [norm:H_virtinst_xtval]
    friend constexpr bool operator==(VirtualInstruction, VirtualInstruction) = default;
};

// Not about the guest at all; htinst is zero. [norm:H_trap_xtinst_interrupt]
struct HostInterrupt {
    Interrupt which{};
    friend constexpr bool operator==(HostInterrupt, HostInterrupt) = default;
};

// The guest's own exception, which was not delegated: it gets it as it is.
struct Reflect {
    Exception cause{};
    u64 tval{};
    friend constexpr bool operator==(Reflect, Reflect) = default;
};

// No guest can cause this on a hart that follows the manual.  Report it; the VM stops, nothing else does.
struct Unexpected {
    u64 scause{};
    friend constexpr bool operator==(Unexpected, Unexpected) = default;
};

using Exit = std::variant<SbiCall, GuestPageFault, VirtualInstruction, HostInterrupt, Reflect, Unexpected>;
static_assert(std::is_trivially_copyable_v<Exit>);  // so the variant is never valueless

// What htinst holds when the hart was walking the guest's tables. [norm:H_trap_xtinst_exception_lead-in]
// [norm:H_trap_xtinst_exception_list]
inline constexpr u32 read32_for_walk = 0x2000, write32_for_walk = 0x2020;
inline constexpr u32 read64_for_walk = 0x3000, write64_for_walk = 0x3020;

[[nodiscard]] constexpr bool is_walk_write(u64 htinst) {
    return htinst == write32_for_walk || htinst == write64_for_walk;
}
[[nodiscard]] constexpr bool is_walk_pseudo(u64 htinst) {
    return htinst == read32_for_walk || htinst == read64_for_walk || is_walk_write(htinst);
}

// htval is the address without its low two bits, and zero means unknown.  The low bits are those of stval,
// and zeros for an entry of a table.                                    [norm:htval_trapval]
// [norm:mtval2_htval_virtaddr]
template <Xlen X>
[[nodiscard]] constexpr std::optional<Gpa> faulting_gpa(TrapCsrsOf<X> const& t) {
    if (t.htval == 0) return std::nullopt;
    return Gpa{u64{t.htval} << 2 | (is_walk_pseudo(t.htinst) ? 0 : t.stval & 3)};
}

namespace detail {

template <Xlen X>
constexpr GuestPageFault guest_page_fault(Access access, TrapCsrsOf<X> t, DecodeOptions options) {
    // A hart that says nothing in htinst of a walk must say nothing in htval either.
    if (options.ignore_htval || (options.ignore_htinst && is_walk_pseudo(t.htinst))) t.htval = 0;
    if (options.ignore_htinst) t.htinst = 0;
    return {.access = access,
            .where = faulting_gpa(t),
            .address = Gva{t.stval},
            .walking_vs_tables = is_walk_pseudo(t.htinst),
            .writing_vs_tables = is_walk_write(t.htinst),
            .htinst = t.htinst};
}

constexpr Exit of_interrupt(u64 code, u64 scause) {
    switch (static_cast<Interrupt>(code)) {
        case Interrupt::supervisor_software:
        case Interrupt::supervisor_timer:
        case Interrupt::supervisor_external:
        case Interrupt::supervisor_guest_external:
        case Interrupt::counter_overflow:
        case Interrupt::vs_software:  // the three of VS-level come here only where hideleg lacks them
        case Interrupt::vs_timer:     // [norm:hideleg_hs]
        case Interrupt::vs_external: return HostInterrupt{static_cast<Interrupt>(code)};
        case Interrupt::machine_software:
        case Interrupt::machine_timer:
        case Interrupt::machine_external: break;
    }
    return code >= 16 && code < 64 ? Exit{HostInterrupt{static_cast<Interrupt>(code)}}
                                   : Exit{Unexpected{scause}};
}

}  // namespace detail

// For a trap with hstatus.SPV = 1.  Total: every value of every register gives an answer.
template <Xlen X>
[[nodiscard]] constexpr Exit decode_exit(TrapCsrsOf<X> const& t, DecodeOptions options = {}) {
    u64 const code = ScauseOf<X>::code::get(t.scause);
    if (code >= 64) return Unexpected{t.scause};
    if (ScauseOf<X>::interrupt::get(t.scause)) return detail::of_interrupt(code, t.scause);
    switch (static_cast<Exception>(code)) {
        case Exception::ecall_from_vs: return SbiCall{};
        case Exception::fetch_guest_page_fault: return detail::guest_page_fault(Access::fetch, t, options);
        case Exception::load_guest_page_fault: return detail::guest_page_fault(Access::load, t, options);
        case Exception::store_guest_page_fault: return detail::guest_page_fault(Access::store, t, options);
        case Exception::virtual_instruction: return VirtualInstruction{static_cast<u32>(t.stval)};
        case Exception::fetch_misaligned:
        case Exception::fetch_access:
        case Exception::illegal_instruction:
        case Exception::breakpoint:
        case Exception::load_misaligned:
        case Exception::load_access:
        case Exception::store_misaligned:
        case Exception::store_access:
        case Exception::ecall_from_u:
        case Exception::fetch_page_fault:
        case Exception::load_page_fault:
        case Exception::store_page_fault:
        case Exception::software_check:
        case Exception::hardware_error: return Reflect{static_cast<Exception>(code), t.stval};
        case Exception::ecall_from_hs:
        case Exception::ecall_from_m:
        case Exception::double_trap: break;
    }
    return Unexpected{t.scause};
}

namespace detail {
inline constexpr TrapCsrsOf<Xlen::rv64> example_fault{.scause = 21, .stval = 0x1003, .htval = 0x2000'0400};
inline constexpr TrapCsrsOf<Xlen::rv32> example_walk{
    .scause = 23, .stval = 0x1003, .htval = 0x2000'0401, .htinst = read32_for_walk};
}  // namespace detail
static_assert(std::get<GuestPageFault>(decode_exit(detail::example_fault)).where == Gpa{0x8000'1003});
static_assert(std::get<GuestPageFault>(decode_exit(detail::example_walk)).where == Gpa{0x8000'1004});
static_assert(!std::get<GuestPageFault>(decode_exit(detail::example_walk, {.ignore_htinst = true})).where);
static_assert(std::get<Reflect>(decode_exit(TrapCsrsOf<Xlen::rv64>{.scause = 3, .stval = 8})).tval == 8);

}  // namespace antler::isa
