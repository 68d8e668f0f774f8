// Why a trap was taken: every standard exception and interrupt, by number and in words.
#pragma once

#include <string_view>

#include "base/types.hpp"
#include "isa/xlen.hpp"

namespace antler::isa {

enum class Exception : u8 {  // [norm:H_cause]
    fetch_misaligned = 0,
    fetch_access = 1,
    illegal_instruction = 2,
    breakpoint = 3,
    load_misaligned = 4,
    load_access = 5,
    store_misaligned = 6,
    store_access = 7,
    ecall_from_u = 8,  // U-mode or VU-mode
    ecall_from_hs = 9,
    ecall_from_vs = 10,  // a number of its own, so that it can be delegated apart   [norm:H_cause_ecall]
    ecall_from_m = 11,
    fetch_page_fault = 12,
    load_page_fault = 13,
    store_page_fault = 15,
    double_trap = 16,
    software_check = 18,
    hardware_error = 19,
    fetch_guest_page_fault = 20,
    load_guest_page_fault = 21,
    virtual_instruction = 22,  // [norm:H_cause_virtual_instruction]
    store_guest_page_fault = 23,
};

enum class Interrupt : u8 {  // [norm:H_cause]
    supervisor_software = 1,
    vs_software = 2,
    machine_software = 3,
    supervisor_timer = 5,
    vs_timer = 6,
    machine_timer = 7,
    supervisor_external = 9,
    vs_external = 10,
    machine_external = 11,
    supervisor_guest_external = 12,
    counter_overflow = 13,
};

[[nodiscard]] constexpr std::string_view describe(Exception e) {
    switch (e) {
        case Exception::fetch_misaligned: return "instruction address misaligned";
        case Exception::fetch_access: return "instruction access fault";
        case Exception::illegal_instruction: return "illegal instruction";
        case Exception::breakpoint: return "breakpoint";
        case Exception::load_misaligned: return "load address misaligned";
        case Exception::load_access: return "load access fault";
        case Exception::store_misaligned: return "store or atomic address misaligned";
        case Exception::store_access: return "store or atomic access fault";
        case Exception::ecall_from_u: return "environment call from user mode";
        case Exception::ecall_from_hs: return "environment call from hypervisor mode";
        case Exception::ecall_from_vs: return "environment call from virtual supervisor mode";
        case Exception::ecall_from_m: return "environment call from machine mode";
        case Exception::fetch_page_fault: return "instruction page fault";
        case Exception::load_page_fault: return "load page fault";
        case Exception::store_page_fault: return "store or atomic page fault";
        case Exception::double_trap: return "double trap";
        case Exception::software_check: return "software check";
        case Exception::hardware_error: return "hardware error";
        case Exception::fetch_guest_page_fault: return "instruction guest-page fault";
        case Exception::load_guest_page_fault: return "load guest-page fault";
        case Exception::virtual_instruction: return "virtual instruction";
        case Exception::store_guest_page_fault: return "store or atomic guest-page fault";
    }
    return "unknown exception";
}

[[nodiscard]] constexpr std::string_view describe(Interrupt i) {
    switch (i) {
        case Interrupt::supervisor_software: return "supervisor software interrupt";
        case Interrupt::vs_software: return "virtual supervisor software interrupt";
        case Interrupt::machine_software: return "machine software interrupt";
        case Interrupt::supervisor_timer: return "supervisor timer interrupt";
        case Interrupt::vs_timer: return "virtual supervisor timer interrupt";
        case Interrupt::machine_timer: return "machine timer interrupt";
        case Interrupt::supervisor_external: return "supervisor external interrupt";
        case Interrupt::vs_external: return "virtual supervisor external interrupt";
        case Interrupt::machine_external: return "machine external interrupt";
        case Interrupt::supervisor_guest_external: return "supervisor guest external interrupt";
        case Interrupt::counter_overflow: return "counter overflow interrupt";
    }
    return "unknown interrupt";
}

// What kind of memory access something is.  Atomics count as stores.
enum class Access : u8 { fetch, load, store };

[[nodiscard]] constexpr std::string_view describe(Access a) {
    switch (a) {
        case Access::fetch: return "fetch";
        case Access::load: return "load";
        case Access::store: return "store";
    }
    return "unknown access";
}

[[nodiscard]] constexpr Exception page_fault(Access a) {
    if (a == Access::fetch) return Exception::fetch_page_fault;  // [norm:fetch_page_fault_no_x]
    return a == Access::load ? Exception::load_page_fault        // [norm:load_page_fault_no_r]
                             : Exception::store_page_fault;      // [norm:store_page_fault_no_w]
}
[[nodiscard]] constexpr Exception guest_page_fault(Access a) {  // [norm:H_guest_page_fault]
    if (a == Access::fetch) return Exception::fetch_guest_page_fault;
    return a == Access::load ? Exception::load_guest_page_fault : Exception::store_guest_page_fault;
}
[[nodiscard]] constexpr Exception access_fault(Access a) {
    if (a == Access::fetch) return Exception::fetch_access;
    return a == Access::load ? Exception::load_access : Exception::store_access;
}
[[nodiscard]] constexpr Exception misaligned(Access a) {
    if (a == Access::fetch) return Exception::fetch_misaligned;
    return a == Access::load ? Exception::load_misaligned : Exception::store_misaligned;
}

// What scause and vscause hold: the top bit says interrupt.          [norm:scause_interrupt]
template <Xlen X>
struct ScauseOf {
    using Raw = Word<X>;
    using interrupt = WordField<X, bits<X> - 1>;
    using code = WordField<X, bits<X> - 2, 0>;
    Raw raw{};

    static constexpr ScauseOf of(Exception e) { return {static_cast<Raw>(e)}; }
    static constexpr ScauseOf of(Interrupt i) { return {interrupt::set(static_cast<Raw>(i), true)}; }
    friend constexpr bool operator==(ScauseOf, ScauseOf) = default;
};
using Scause = ScauseOf<native>;

template <Xlen X>
struct VscauseOf {  // [norm:vscause_sz_acc_op] [norm:vscause_wlrl]
    using Raw = Word<X>;
    using interrupt = WordField<X, bits<X> - 1>;
    using code = WordField<X, bits<X> - 2, 0>;
    Raw raw{};

    static constexpr VscauseOf of(Exception e) { return {static_cast<Raw>(e)}; }
    static constexpr VscauseOf of(Interrupt i) { return {interrupt::set(static_cast<Raw>(i), true)}; }
    friend constexpr bool operator==(VscauseOf, VscauseOf) = default;
};
using Vscause = VscauseOf<native>;

static_assert(ScauseOf<Xlen::rv64>::of(Interrupt::supervisor_external).raw == 0x8000'0000'0000'0009);
static_assert(ScauseOf<Xlen::rv32>::of(Interrupt::supervisor_timer).raw == 0x8000'0005);
static_assert(guest_page_fault(Access::store) == Exception{23} && page_fault(Access::load) == Exception{13});

}  // namespace antler::isa
