// The pack: what the host program hands to the hypervisor where a Linux initrd goes.
//
// It is a flattened device tree, then payload bytes.  Each payload starts at an offset from the start of the
// pack that is a multiple of `payload_alignment`, and the bytes up to the next payload, or up to the end, are
// zero: so a payload may be given to a VM in place.  A u64 is two big-endian cells.
//
//     / {
//         compatible = "antler,pack";  antler,version = <1>;  antler,size = <u64: bytes of the whole pack>;
//         hypervisor { on-panic = "reset" | "halt";  ignore = "htinst", "htval";
//                      log = "quiet" | "normal" | "debug"; };
//         vms {
//             NAME {
//                 antler,index = <u32>;  vcpus = <u32>;  memory = <u64 bytes>;  on-demand;
//                 entry = <u64 GPA>;  dtb = <u64 GPA>;
//                 segments = <u64 GPA, u64 offset, u64 bytes in the pack, u64 bytes in memory> …;
//                 initrd = <u64 GPA, u64 offset, u64 bytes>;  cmdline = "…";
//                 trap-vm;  trap-wfi;  trap-sret;  hide = "v", "sstc", …;
//                 on-poweroff, on-reboot, on-crash = "destroy" | "restart" | "preserve";
//             };
//         };
//     };
//
// on-demand, initrd, cmdline, the trap flags, hide and everything in hypervisor but on-panic may be absent.
#pragma once

#include <string_view>

#include "base/address.hpp"
#include "base/types.hpp"
#include "base/units.hpp"

namespace antler::abi::pack {

inline constexpr u32 version = 1;
inline constexpr u64 payload_alignment = 2_MiB;

// Limits that both sides keep: the host program refuses more, and the hypervisor does not believe more.
inline constexpr u32 most_vcpus = 64;
inline constexpr u32 most_vms = 64;
inline constexpr u32 most_segments = 16;
inline constexpr usize longest_name = 31;
inline constexpr usize longest_cmdline = 2047;  // Linux keeps 1,024 bytes on RISC-V and says when it cuts

// Where a guest's RAM starts, and the room that the host program leaves for the device tree at `dtb`.
inline constexpr Gpa ram_base{0x8000'0000};
inline constexpr u64 dtb_room = 256_KiB;

namespace node {
inline constexpr std::string_view hypervisor = "hypervisor";
inline constexpr std::string_view vms = "vms";
}  // namespace node

namespace property {
// of the root
inline constexpr std::string_view compatible = "compatible";
inline constexpr std::string_view version = "antler,version";
inline constexpr std::string_view size = "antler,size";
// of the hypervisor
inline constexpr std::string_view on_panic = "on-panic";
inline constexpr std::string_view ignore = "ignore";
inline constexpr std::string_view log = "log";
// of a VM
inline constexpr std::string_view index = "antler,index";
inline constexpr std::string_view vcpus = "vcpus";
inline constexpr std::string_view memory = "memory";
inline constexpr std::string_view on_demand = "on-demand";
inline constexpr std::string_view entry = "entry";
inline constexpr std::string_view dtb = "dtb";
inline constexpr std::string_view segments = "segments";
inline constexpr std::string_view initrd = "initrd";
inline constexpr std::string_view cmdline = "cmdline";
inline constexpr std::string_view trap_vm = "trap-vm";
inline constexpr std::string_view trap_wfi = "trap-wfi";
inline constexpr std::string_view trap_sret = "trap-sret";
inline constexpr std::string_view hide = "hide";
inline constexpr std::string_view on_poweroff = "on-poweroff";
inline constexpr std::string_view on_reboot = "on-reboot";
inline constexpr std::string_view on_crash = "on-crash";
}  // namespace property

namespace word {
inline constexpr std::string_view compatible = "antler,pack";
// on-panic
inline constexpr std::string_view reset = "reset";
inline constexpr std::string_view halt = "halt";
// ignore
inline constexpr std::string_view htinst = "htinst";
inline constexpr std::string_view htval = "htval";
// log
inline constexpr std::string_view quiet = "quiet";
inline constexpr std::string_view normal = "normal";
inline constexpr std::string_view debug = "debug";
// on-poweroff, on-reboot, on-crash
inline constexpr std::string_view destroy = "destroy";
inline constexpr std::string_view restart = "restart";
inline constexpr std::string_view preserve = "preserve";
}  // namespace word

// The cells of one row of `segments`, and of `initrd`, in order.
struct Segment {
    Gpa at;            // in the guest
    u64 offset;        // in the pack
    u64 file_bytes;    // there
    u64 memory_bytes;  // in the guest; what is beyond file_bytes is zero
};
struct Initrd {
    Gpa at;
    u64 offset;
    u64 bytes;
};
inline constexpr usize segment_cells = 8;
inline constexpr usize initrd_cells = 6;

}  // namespace antler::abi::pack
