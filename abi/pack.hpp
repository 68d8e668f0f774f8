// The pack: what the host program hands to the hypervisor where a Linux initrd goes.
//
// It is a flattened device tree, then payload bytes.  Each payload starts at an offset from the start of the
// pack that is a multiple of `payload_alignment`, and the bytes up to the next payload, or up to the end, are
// zero: so a payload may be given to a VM in place.  In a pack that is sent to a machine that runs it is a
// multiple of a page.  A u64 is two big-endian cells.
//
//     / {
//         compatible = "antler,pack";  antler,version = <1>;  antler,size = <u64: bytes of the whole pack>;
//         hypervisor { on-panic = "reset" | "halt";  ignore = "htinst", "htval";
//                      log = "quiet" | "normal" | "debug"; };
//         switches { NAME { antler,index = <u32>;  uplink; }; };
//         vms {
//             NAME {
//                 antler,index = <u32>;  vcpus = <u32>;  memory = <u64 bytes>;  on-demand;
//                 entry = <u64 GPA>;  dtb = <u64 GPA>;
//                 segments = <u64 GPA, u64 offset, u64 bytes in the pack, u64 bytes in memory> …;
//                 initrd = <u64 GPA, u64 offset, u64 bytes>;  cmdline = "…";
//                 trap-vm;  trap-wfi;  trap-sret;  hide = "v", "sstc", …;
//                 interrupts = "plic" | "aplic" | "aia";
//                 bus = "mmio" | "pci";
//                 on-poweroff, on-reboot, on-crash = "destroy" | "restart" | "preserve";
//                 restart-delay = <u32 ms>;
//                 weight = <u32>;  cap = <u32 percent of a hart>;  dedicated;
//                 affinity = <u64 mask of hart indexes> …;  colours = <u64 mask>;
//                 rng;  balloon;  free-page-reporting;  watchdog;
//                 vsock = <u64 cid>;  console-ports = <u32>;
//                 flash = <u64 code offset, u64 code bytes, u64 variables offset, u64 variables bytes>;
//                 vars-disk = <u32 index of a disk>;
//                 disks { 0 { host = "serial number of a disk of the board";
//                             extents = <u64 first sector, u64 sectors> …;
//                             partition = "GPT label or UUID";
//                             ramdisk = <u64 offset, u64 bytes>;
//                             readonly;  serial = "…";  overlay = <u64 bytes of memory at most>;
//                             bus = as above; }; };
//                 nets { 0 { switch = "NAME";  mac = [6 bytes];  vlan = <u32>;  isolated;  anti-spoof;
//                            no-offload;  bus; }; };
//                 channels { 0 { with = "NAME of a VM";  size = <u64>; }; };
//                 devices { 0 { host = "0000:00:02.0"; }; };
//             };
//         };
//     };
//
// A VM needs antler,index, vcpus, memory, entry and dtb; the hypervisor on-panic; all else may be absent.
// Without interrupts the VM has what suits the harts.  A disk has a host or a ramdisk; a host with neither
// extents nor a partition is the whole disk.  One mask of affinity is for every vCPU, several are one for
// each.  flash and ramdisk are payloads.
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
inline constexpr u32 most_vms = 256;
inline constexpr u32 most_segments = 16;
inline constexpr u32 most_switches = 16;
inline constexpr u32 most_disks = 8;  // of a VM, like the rest
inline constexpr u32 most_nets = 4;
inline constexpr u32 most_channels = 8;
inline constexpr u32 most_devices = 8;
inline constexpr usize longest_device = 127;
inline constexpr u32 most_consoles = 3;
inline constexpr u32 most_extents = 1024;    // of a disk
inline constexpr usize longest_serial = 20;  // [virtio 5.2.6.1]
inline constexpr u32 most_weight = 65'536;
inline constexpr u32 usual_weight = 256;
inline constexpr u64 most_flash = 32_MiB;  // each of the two
inline constexpr usize longest_name = 31;
inline constexpr usize longest_cmdline = 2047;  // Linux keeps 1,024 bytes on RISC-V and says when it cuts

// Where a guest's RAM starts, and the room that the host program leaves for the device tree at `dtb`.
inline constexpr Gpa ram_base{0x8000'0000};
inline constexpr Gpa flash_base{0x2000'0000};  // of the program; its variables lie 32 MiB above
inline constexpr u64 dtb_room = 256_KiB;

namespace node {
inline constexpr std::string_view hypervisor = "hypervisor";
inline constexpr std::string_view switches = "switches";
inline constexpr std::string_view vms = "vms";
// of a VM; their children are numbered from 0
inline constexpr std::string_view disks = "disks";
inline constexpr std::string_view nets = "nets";
inline constexpr std::string_view channels = "channels";
inline constexpr std::string_view devices = "devices";
}  // namespace node

namespace property {
// of the root
inline constexpr std::string_view compatible = "compatible";
inline constexpr std::string_view version = "antler,version";
inline constexpr std::string_view pack_size = "antler,size";
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
inline constexpr std::string_view interrupts = "interrupts";
inline constexpr std::string_view bus = "bus";
inline constexpr std::string_view on_poweroff = "on-poweroff";
inline constexpr std::string_view on_reboot = "on-reboot";
inline constexpr std::string_view on_crash = "on-crash";
inline constexpr std::string_view restart_delay = "restart-delay";
inline constexpr std::string_view weight = "weight";
inline constexpr std::string_view cap = "cap";
inline constexpr std::string_view dedicated = "dedicated";
inline constexpr std::string_view affinity = "affinity";
inline constexpr std::string_view colours = "colours";
inline constexpr std::string_view rng = "rng";
inline constexpr std::string_view balloon = "balloon";
inline constexpr std::string_view free_page_reporting = "free-page-reporting";
inline constexpr std::string_view watchdog = "watchdog";
inline constexpr std::string_view vsock = "vsock";
inline constexpr std::string_view console_ports = "console-ports";
inline constexpr std::string_view flash = "flash";
inline constexpr std::string_view vars_disk = "vars-disk";
// of a switch
inline constexpr std::string_view uplink = "uplink";
// of a disk
inline constexpr std::string_view host = "host";
inline constexpr std::string_view extents = "extents";
inline constexpr std::string_view partition = "partition";
inline constexpr std::string_view ramdisk = "ramdisk";
inline constexpr std::string_view readonly = "readonly";
inline constexpr std::string_view serial = "serial";
inline constexpr std::string_view overlay = "overlay";
// of a network card
inline constexpr std::string_view network = "switch";
inline constexpr std::string_view mac = "mac";
inline constexpr std::string_view vlan = "vlan";
inline constexpr std::string_view isolated = "isolated";
inline constexpr std::string_view anti_spoof = "anti-spoof";
inline constexpr std::string_view no_offload = "no-offload";
// of a channel
inline constexpr std::string_view with = "with";
inline constexpr std::string_view size = "size";
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
// interrupts
inline constexpr std::string_view plic = "plic";
inline constexpr std::string_view aplic = "aplic";
inline constexpr std::string_view aia = "aia";
// bus
inline constexpr std::string_view mmio = "mmio";
inline constexpr std::string_view pci = "pci";
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
inline constexpr usize extent_cells = 4;
inline constexpr usize flash_cells = 8;

}  // namespace antler::abi::pack
