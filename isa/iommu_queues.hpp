// What is told to an IOMMU, and what it tells, through queues in memory.
#pragma once

#include <string_view>

#include "base/address.hpp"
#include "base/field.hpp"
#include "isa/cause.hpp"

namespace antler::isa::iommu {

struct Command {  // [iommu Command-Queue]
    using opcode = Field<6, 0, u8>;
    using function = Field<9, 7, u8>;
    // Of IOTINVAL.
    using av = Field<10>;
    using pscid = Field<31, 12, u32>;
    using pscv = Field<32>;
    using gv = Field<33>;
    using gscid = Field<59, 44, u16>;
    using page = Field<61, 10>;  // of the second word: bits 63 to 12 of the address
    // Of IOFENCE.C.
    using wsi = Field<11>;
    using pr = Field<12>;
    using pw = Field<13>;
    // Of IODIR.
    using dv = Field<33>;
    using did = Field<63, 40, u32>;

    static constexpr u8 iotinval = 1, iofence = 2, iodir = 3, ats = 4;
    static constexpr u8 vma = 0, gvma = 1;  // of iotinval
    static constexpr u8 fence_c = 0;        // of iofence
    static constexpr u8 inval_ddt = 0;      // of iodir

    u64 first{};
    u64 second{};

    // All of a VM: entries of any level.                                               [iommu IOTINVAL.GVMA]
    [[nodiscard]] static constexpr Command forget_space(u16 space) {
        return {gscid::set(gv::set(code(iotinval, gvma), true), space), 0};
    }
    // The leaf that translates this page of a VM, and messages' entries for it.
    [[nodiscard]] static constexpr Command forget_page(u16 space, Gpa at) {
        return {av::set(forget_space(space).first, true), page::set(0, at.raw() >> 12)};
    }
    // What came from first-stage tables of a VM.                                        [iommu IOTINVAL.VMA]
    [[nodiscard]] static constexpr Command forget_first_stage(u16 space) {
        return {gscid::set(gv::set(code(iotinval, vma), true), space), 0};
    }
    // Of all VMs, and of no VM.
    [[nodiscard]] static constexpr Command forget_all_spaces() { return {code(iotinval, gvma), 0}; }
    [[nodiscard]] static constexpr Command forget_house() { return {code(iotinval, vma), 0}; }
    // The directory's entry for a device.                                          [iommu IODIR.INVAL_DDT]
    [[nodiscard]] static constexpr Command forget_device(u32 device) {
        return {did::set(dv::set(code(iodir, inval_ddt), true), device), 0};
    }
    [[nodiscard]] static constexpr Command forget_directory() { return {code(iodir, inval_ddt), 0}; }
    // Done when all before it is, and what devices read and wrote before is seen by everybody.
    // [iommu IOFENCE.C]
    [[nodiscard]] static constexpr Command fence() {
        return {pr::set(pw::set(code(iofence, fence_c), true), true), 0};
    }

    [[nodiscard]] constexpr bool is(u8 op, u8 f) const {
        return opcode::get(first) == op && function::get(first) == f;
    }
    friend constexpr bool operator==(Command, Command) = default;

private:
    [[nodiscard]] static constexpr u64 code(u8 op, u8 f) { return function::set(opcode::set(0, op), f); }
};
static_assert(sizeof(Command) == 16);
static_assert(Command::forget_page(5, Gpa{0x8000'1000}).first ==
              (u64{5} << 44 | u64{1} << 33 | 1u << 10 | 1u << 7 | 1));
static_assert(Command::forget_page(5, Gpa{0x8000'1000}).second == u64{0x80001} << 10);
static_assert(Command::forget_device(0x10).first == (u64{0x10} << 40 | u64{1} << 33 | 3));
static_assert(Command::fence().first == (1u << 13 | 1u << 12 | 2));

// Causes besides those of harts' exceptions.                                           [iommu FAULT_CAUSE]
enum class FaultCause : u16 {
    all_refused = 256,
    directory_access = 257,
    directory_invalid = 258,
    directory_misconfigured = 259,
    kind_refused = 260,
    message_entry_access = 261,
    message_entry_invalid = 262,
    message_entry_misconfigured = 263,
    memory_file_access = 264,
    process_directory_access = 265,
    process_directory_invalid = 266,
    process_directory_misconfigured = 267,
    directory_corrupt = 268,
    process_directory_corrupt = 269,
    message_table_corrupt = 270,
    memory_file_corrupt = 271,
    data_path = 272,
    own_message_access = 273,
    table_corrupt = 274,
};

enum class Transaction : u8 {  // [iommu TTYP]
    none = 0,
    fetch = 1,
    read = 2,
    write = 3,
    translated_fetch = 5,
    translated_read = 6,
    translated_write = 7,
    translation_request = 8,
    message_request = 9,
};

struct FaultRecord {  // [iommu Fault/Event-Queue]
    using cause = Field<11, 0, u16>;
    using pid = Field<31, 12, u32>;
    using pv = Field<32>;
    using priv = Field<33>;
    using ttyp = Field<39, 34, Transaction>;
    using did = Field<63, 40, u32>;
    u64 first{};
    u64 custom{};
    u64 iotval{};   // the address that the device gave
    u64 iotval2{};  // of guest-page faults: the guest physical address, but for its lowest two bits

    [[nodiscard]] constexpr u16 why() const { return cause::get(first); }
    [[nodiscard]] constexpr u32 device() const { return did::get(first); }
    [[nodiscard]] constexpr Transaction transaction() const { return ttyp::get(first); }
    [[nodiscard]] constexpr bool is_guest_page_fault() const {
        return why() == static_cast<u16>(Exception::fetch_guest_page_fault) ||
               why() == static_cast<u16>(Exception::load_guest_page_fault) ||
               why() == static_cast<u16>(Exception::store_guest_page_fault);
    }
    friend constexpr bool operator==(FaultRecord const&, FaultRecord const&) = default;
};
static_assert(sizeof(FaultRecord) == 32);

// "The directory has no entry for it" and the like.
[[nodiscard]] constexpr std::string_view describe(u16 cause) {
    switch (cause) {
        case 1: return "no memory to execute from";
        case 4:
        case 6: return "a misaligned address";
        case 5: return "no memory to read";
        case 7: return "no memory to write";
        case 12:
        case 13:
        case 15: return "its first stage does not allow it";
        case 20:
        case 21:
        case 23: return "outside of what it may reach";
        default: break;
    }
    switch (static_cast<FaultCause>(cause)) {
        case FaultCause::all_refused: return "all devices are refused";
        case FaultCause::directory_access: return "the directory cannot be read";
        case FaultCause::directory_invalid: return "it has no entry";
        case FaultCause::directory_misconfigured: return "its entry is misconfigured";
        case FaultCause::kind_refused: return "a kind of access that is refused";
        case FaultCause::message_entry_access: return "the table of interrupt files cannot be read";
        case FaultCause::message_entry_invalid: return "no interrupt file is there";
        case FaultCause::message_entry_misconfigured:
            return "the entry of the interrupt file is misconfigured";
        case FaultCause::memory_file_access: return "the interrupt file in memory cannot be reached";
        case FaultCause::process_directory_access:
        case FaultCause::process_directory_invalid:
        case FaultCause::process_directory_misconfigured:
        case FaultCause::process_directory_corrupt: return "it has no processes";
        case FaultCause::directory_corrupt:
        case FaultCause::message_table_corrupt:
        case FaultCause::memory_file_corrupt:
        case FaultCause::table_corrupt: return "corrupt memory";
        case FaultCause::data_path: return "an error inside";
        case FaultCause::own_message_access: return "its own interrupt message went astray";
    }
    return "an unknown cause";
}

}  // namespace antler::isa::iommu
