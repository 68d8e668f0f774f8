// What somebody wants of a virtual machine, as the pack says it; views into the pack's bytes.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "base/address.hpp"
#include "base/types.hpp"

namespace antler::vm {

inline constexpr u32 max_vcpus = 64;
inline constexpr usize max_segments = 16;
inline constexpr usize max_nets = 4;
inline constexpr Gpa ram_base{0x8000'0000};

// Bytes of the pack that go to a place in guest memory; what is beyond the file is zero.
struct Segment {
    Gpa at{};
    HpaRange file{};
    u64 memory_bytes = 0;
};

// What happens to a VM at the end of one of its lives.
enum class Afterwards : u8 { destroy, restart, preserve };

struct Policies {
    bool trap_memory = false;  // hstatus.VTVM: satp and sfence.vma trap   [norm:hstatus_vtvm_op]
    bool trap_wait = false;    // hstatus.VTW: wfi traps                    [norm:hstatus_vtw_op]
    bool trap_return = false;  // hstatus.VTSR: sret traps                 [norm:hstatus_vtsr_op]
    Afterwards on_poweroff = Afterwards::destroy;
    Afterwards on_reboot = Afterwards::restart;
    Afterwards on_crash = Afterwards::destroy;
    u32 restart_delay_ms = 0;  // after a crash; twice as long after the next
};

// A network card, and the port of a switch that it is plugged into.
struct NetDescription {
    u32 network = 0;  // index of the switch
    std::array<u8, 6> mac{};
    u16 vlan = 0;  // none
    bool isolated = false;
    bool offload = true;
};

struct Description {
    std::string_view name{};
    u32 vcpus = 1;
    u64 memory_bytes = 0;
    bool on_demand = false;
    Gpa entry{};
    Gpa device_tree{};
    std::array<Segment, max_segments> segments{};
    usize segment_count = 0;
    Segment initrd{};  // memory_bytes 0: none
    std::string_view command_line{};
    Policies policies{};
    std::array<NetDescription, max_nets> nets{};
    usize net_count = 0;
    std::string_view hidden{};  // extensions the guest must not see, as a list with a NUL behind each
};

}  // namespace antler::vm
