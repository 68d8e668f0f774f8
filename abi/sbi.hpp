// The numbers of the Supervisor Binary Interface: what we ask firmware, and what guests ask us.
#pragma once

#include <array>

#include "base/types.hpp"

namespace antler::abi::sbi {

// Extension IDs.  EIDs and FIDs are signed 32-bit integers in registers; all of ours are positive.
// [sbi binary-encoding]
enum class Eid : u32 {
    legacy_set_timer = 0x00,  // [sbi ext-legacy]
    legacy_console_putchar = 0x01,
    legacy_console_getchar = 0x02,
    legacy_clear_ipi = 0x03,
    legacy_send_ipi = 0x04,
    legacy_remote_fence_i = 0x05,
    legacy_remote_sfence_vma = 0x06,
    legacy_remote_sfence_vma_asid = 0x07,
    legacy_shutdown = 0x08,
    base = 0x10,                        // [sbi ext-base]
    time = 0x5449'4d45,                 // "TIME"  [sbi ext-time]
    ipi = 0x73'5049,                    // "sPI"   [sbi ext-ipi]
    rfence = 0x5246'4e43,               // "RFNC"  [sbi ext-rfence]
    hart_state = 0x48'534d,             // "HSM"   [sbi ext-hsm]
    system_reset = 0x5352'5354,         // "SRST"  [sbi ext-sys-reset]
    pmu = 0x50'4d55,                    // "PMU"   [sbi ext-pmu]
    debug_console = 0x4442'434e,        // "DBCN"  [sbi ext-debug-console]
    system_suspend = 0x5355'5350,       // "SUSP"  [sbi ext-sys-suspend]
    cppc = 0x4350'5043,                 // "CPPC"  [sbi ext-cppc]
    nested_acceleration = 0x4e41'434c,  // "NACL"  [sbi ext-nested-acceleration]
    steal_time = 0x53'5441,             // "STA"   [sbi ext-steal-time]
    supervisor_events = 0x53'5345,      // "SSE"   [sbi ext-sse]
    firmware_features = 0x4657'4654,    // "FWFT"  [sbi ext-firmware-features]
    debug_triggers = 0x4442'5452,       // "DBTR"  [sbi ext-debug-triggers]
    message_proxy = 0x4d50'5859,        // "MPXY"  [sbi ext-mpxy]
};

// Function IDs, one enum for each extension that is called or offered here.
enum class BaseFid : u32 {  // [sbi ext-base]
    get_spec_version = 0,
    get_impl_id = 1,
    get_impl_version = 2,
    probe_extension = 3,
    get_mvendorid = 4,
    get_marchid = 5,
    get_mimpid = 6,
};
enum class TimeFid : u32 { set_timer = 0 };  // [sbi ext-time]
enum class IpiFid : u32 { send_ipi = 0 };    // [sbi ext-ipi]
enum class RfenceFid : u32 {                 // [sbi ext-rfence]
    remote_fence_i = 0,
    remote_sfence_vma = 1,
    remote_sfence_vma_asid = 2,
    remote_hfence_gvma_vmid = 3,
    remote_hfence_gvma = 4,
    remote_hfence_vvma_asid = 5,
    remote_hfence_vvma = 6,
};
enum class HartStateFid : u32 {  // [sbi ext-hsm]
    hart_start = 0,
    hart_stop = 1,
    hart_get_status = 2,
    hart_suspend = 3,
};
enum class SystemResetFid : u32 { system_reset = 0 };  // [sbi ext-sys-reset]
enum class DebugConsoleFid : u32 {                     // [sbi ext-debug-console]
    console_write = 0,
    console_read = 1,
    console_write_byte = 2,
};
enum class StealTimeFid : u32 { set_shared_memory = 0 };  // [sbi ext-steal-time]
enum class SupervisorEventsFid : u32 {                    // [sbi ext-sse]
    register_event = 2,
    enable = 4,
    complete = 6,
    inject = 7,
    hart_unmask = 8,
};
// The event of a hart that another one injects.  [sbi ext-sse]
inline constexpr u64 local_software_event = 0xffff'0000;

// Error codes, as a0 carries them.  [sbi binary-encoding]
enum class Status : i64 {
    success = 0,
    failed = -1,
    not_supported = -2,
    invalid_param = -3,
    denied = -4,
    invalid_address = -5,
    already_available = -6,
    already_started = -7,
    already_stopped = -8,
    no_shared_memory = -9,
    invalid_state = -10,
    bad_range = -11,
    timeout = -12,
    io = -13,
    denied_locked = -14,
};

[[nodiscard]] constexpr char const* describe(Status s) {
    switch (s) {
        case Status::success: return "success";
        case Status::failed: return "failed";
        case Status::not_supported: return "not supported";
        case Status::invalid_param: return "invalid parameter";
        case Status::denied: return "denied";
        case Status::invalid_address: return "invalid address";
        case Status::already_available: return "already available";
        case Status::already_started: return "already started";
        case Status::already_stopped: return "already stopped";
        case Status::no_shared_memory: return "no shared memory";
        case Status::invalid_state: return "invalid state";
        case Status::bad_range: return "bad range";
        case Status::timeout: return "timeout";
        case Status::io: return "input/output error";
        case Status::denied_locked: return "denied: locked";
    }
    return "unknown SBI status";
}

// What comes back in a0 and a1.  With an error, a1 is unspecified; ours is then zero.
struct Return {
    Status status{};
    u64 value{};
    friend constexpr bool operator==(Return const&, Return const&) = default;
};

// sbi_get_spec_version: minor in bits 23:0, major in bits 30:24.  [sbi ext-base]
struct SpecVersion {
    u32 major{};
    u32 minor{};
    [[nodiscard]] static constexpr SpecVersion of(u64 raw) {
        return {static_cast<u32>(raw >> 24) & 0x7f, static_cast<u32>(raw) & 0xff'ffff};
    }
    [[nodiscard]] constexpr u64 raw() const { return u64{major} << 24 | minor; }
    friend constexpr auto operator<=>(SpecVersion const&, SpecVersion const&) = default;
};
static_assert(SpecVersion::of(0x0200'0001) == SpecVersion{2, 1} && SpecVersion{3, 0}.raw() == 0x0300'0000);

// A guest may rely on version 3.0: every extension it can probe conforms to that text.
inline constexpr SpecVersion offered_version{3, 0};

// 0 to 11 are taken.  The firmware-specific extension space uses the ID's low 24 bits, so it fits those.
// [sbi ext-base] [sbi ext-firmware]
inline constexpr u64 implementation_id = 0x41'4e54;  // "ANT"
inline constexpr u64 implementation_version = 0x0001;
inline constexpr u64 firmware_eid = 0x0a00'0000 | implementation_id;
static_assert(implementation_id > 11 && implementation_id <= 0xff'ffff);

// Names of sbi_get_impl_id's answers, for the line that says which firmware we found.  [sbi ext-base]
[[nodiscard]] constexpr char const* implementation_name(u64 id) {
    constexpr std::array names{
        "Berkeley Boot Loader", "OpenSBI",  "Xvisor",  "KVM",  "RustSBI", "Diosix", "Coffer", "Xen",
        "PolarFire HSS",        "coreboot", "oreboot", "bhyve"};
    if (id < names.size()) return names[id];
    return id == implementation_id ? "Antler" : "unknown firmware";
}

// hart_mask_base with this value means every hart, whatever the mask says.  [sbi binary-encoding]
inline constexpr u64 all_harts = ~u64{0};

// A fence covers the whole address space if start and size are 0, or size is all ones.  [sbi ext-rfence]
[[nodiscard]] constexpr bool fences_everything(u64 start, u64 size) {
    return (start == 0 && size == 0) || size == ~u64{0};
}

// set_timer with this value never fires.  [sbi ext-time]
inline constexpr u64 never = ~u64{0};
// Both halves of an address, where shared memory is given up.  [sbi ext-steal-time]
inline constexpr u64 no_shared_memory = ~u64{0};

enum class HartState : u8 {  // [sbi ext-hsm]
    started = 0,
    stopped = 1,
    start_pending = 2,
    stop_pending = 3,
    suspended = 4,
    suspend_pending = 5,
    resume_pending = 6,
};

[[nodiscard]] constexpr char const* describe(HartState s) {
    switch (s) {
        case HartState::started: return "started";
        case HartState::stopped: return "stopped";
        case HartState::start_pending: return "start pending";
        case HartState::stop_pending: return "stop pending";
        case HartState::suspended: return "suspended";
        case HartState::suspend_pending: return "suspend pending";
        case HartState::resume_pending: return "resume pending";
    }
    return "unknown hart state";
}

// The two suspend types that every platform has names for; others are reserved or a platform's own.
// [sbi ext-hsm]
enum class SuspendType : u32 {
    retentive = 0x0000'0000,
    non_retentive = 0x8000'0000,
};

enum class ResetType : u32 {  // [sbi ext-sys-reset]
    shutdown = 0,
    cold_reboot = 1,
    warm_reboot = 2,
};

enum class ResetReason : u32 {  // [sbi ext-sys-reset]
    none = 0,
    system_failure = 1,
};

}  // namespace antler::abi::sbi
