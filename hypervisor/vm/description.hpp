// What somebody wants of a virtual machine, as the pack says it; views into the pack's bytes.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "abi/pci_place.hpp"
#include "base/address.hpp"
#include "base/types.hpp"

namespace antler::vm {

inline constexpr u32 max_vcpus = 64;
inline constexpr usize max_segments = 16;
inline constexpr usize max_disks = 8;
inline constexpr usize max_nets = 4;
inline constexpr usize max_channels = 8;
inline constexpr usize max_devices = 8;
inline constexpr Gpa ram_base{0x8000'0000};

// Bytes of the pack that go to a place in guest memory; what is beyond the file is zero.
struct Segment {
    Gpa at{};
    HpaRange file{};
    u64 memory_bytes = 0;
};

// What takes the interrupts of a VM's devices to its vCPUs: a PLIC, an APLIC that signals to them, or an
// APLIC that sends messages to their interrupt files.
enum class Interrupts : u8 { plic, aplic, aia };

// Where the driver of a virtio device finds it.
enum class VirtioBus : u8 { mmio, pci };

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

// A list of u64 in the pack, two big-endian cells each.
class PackedNumbers {
public:
    PackedNumbers() = default;
    explicit PackedNumbers(std::span<u8 const> bytes) : bytes_{bytes} {}
    [[nodiscard]] usize size() const { return bytes_.size() / 8; }
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] u64 operator[](usize index) const {  // index < size()
        u64 value = 0;
        for (auto const byte : bytes_.subspan(8 * index, 8)) value = value << 8 | byte;
        return value;
    }

private:
    std::span<u8 const> bytes_{};
};

// A disk: one of the board's, or a part of it, or a piece of the pack.
struct DiskDescription {
    std::string_view host{};       // serial number of the board's disk; empty: a RAM disk
    PackedNumbers extents{};       // first sector, sectors, …; empty: all of it, unless there is a partition
    std::string_view partition{};  // label or UUID; empty: none
    HpaRange ramdisk{};            // in the pack
    bool readonly = false;
    std::string_view serial{};  // that the guest sees
    u64 overlay_bytes = 0;      // of memory, at most, for what the guest writes; 0: it writes to the disk
    VirtioBus bus = VirtioBus::mmio;
};

// A network card, and the port of a switch that it is plugged into.
struct NetDescription {
    u32 network = 0;                 // index of the switch in this pack
    std::string_view switch_name{};  // and its name
    std::array<u8, 6> mac{};
    u16 vlan = 0;  // none
    bool isolated = false;
    bool guarded = false;  // it sends from its own address only
    bool offload = true;
    VirtioBus bus = VirtioBus::mmio;
};

// Pages and doorbells that this VM shares with another, which names this one.
struct ChannelDescription {
    std::string_view with{};
    u64 bytes = 0;
};

// The two banks of flash memory: a program, and what it keeps.
struct FlashDescription {
    HpaRange code{};  // size 0: there is no flash
    HpaRange variables{};
    u32 disk = none;  // that keeps the variables; index in disks
    static constexpr u32 none = ~u32{0};
};

// Its part of the harts.
struct ShareDescription {
    u32 weight = 256;
    u32 cap = 0;  // percent of one hart; 0: none
    bool dedicated = false;
    PackedNumbers affinity{};  // masks of hart indexes: none, one for all vCPUs, or one for each

    [[nodiscard]] u64 harts_of(u32 vcpu) const {
        if (affinity.empty()) return ~u64{0};
        return affinity[affinity.size() == 1 ? 0 : vcpu];
    }
};

struct Extras {
    bool rng = false;
    bool balloon = false;
    bool free_page_reporting = false;
    bool watchdog = false;
    u32 console_ports = 0;  // of a virtio console
    u64 vsock_cid = 0;      // 0: no vsock
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
    std::optional<Interrupts> interrupts{};  // none: what suits the harts
    VirtioBus bus = VirtioBus::mmio;         // of the extras, and of disks and cards that do not say
    ShareDescription share{};
    Extras extras{};
    u64 colours = 0;  // a bit for each colour of cache; 0: any
    FlashDescription flash{};
    std::array<DiskDescription, max_disks> disks{};
    usize disk_count = 0;
    std::array<NetDescription, max_nets> nets{};
    usize net_count = 0;
    std::array<ChannelDescription, max_channels> channels{};
    usize channel_count = 0;
    std::array<std::string_view, max_devices> devices{};  // of the board: "0000:00:02.0"
    usize device_count = 0;
    // Functions of PCI reach memory by themselves; what has a place in the board's tree alone does not.
    [[nodiscard]] bool has_masters() const {
        for (usize i = 0; i < device_count; ++i)
            if (abi::parse_pci_place(devices[i])) return true;
        return false;
    }
    // Nobody can make a device wait until a page has come: what it may reach is there from the start.
    [[nodiscard]] bool takes_all_memory() const { return !on_demand || has_masters(); }
    std::string_view hidden{};  // extensions the guest must not see, as a list with a NUL behind each
};

}  // namespace antler::vm
