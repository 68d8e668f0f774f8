// A machine and its VMs as a person describes them in TOML, checked and with every default filled in.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.hpp"
#include "cli/catalogue.hpp"
#include "cli/complaint.hpp"
#include "cli/places.hpp"

namespace antler::cli {

// What the board needs beyond the memory of the VMs: firmware, the hypervisor and its tables.
inline constexpr u64 memory_for_antler = u64{32} << 20;

// Where the keys of one table stand, so that later checks can point at them.
struct Places {
    Place table{};
    std::map<std::string, Place, std::less<>> keys{};

    [[nodiscard]] Place const& of(std::string_view key) const {
        auto const found = keys.find(key);
        return found == keys.end() ? table : found->second;
    }
};

struct MachineDescription {
    u32 harts = 0;
    u64 memory = 0;     // bytes
    std::string cpu{};  // QEMU's -cpu
    std::string aia{};  // QEMU's -M virt,aia=
    bool icount = false;
    std::string control{};             // what the control channel is
    std::optional<u32> spare_disks{};  // always there once it is checked
    std::vector<std::string> qemu_args{};
    Places places{};
};

struct HypervisorDescription {
    std::string on_panic{};             // abi::pack::word
    std::vector<std::string> ignore{};  // abi::pack::word
    std::string log{};                  // abi::pack::word
    Places places{};
};

struct SwitchDescription {
    std::string name{};
    bool uplink = false;
    std::vector<std::string> forward{};  // "127.0.0.1:2222:10.0.2.15:22"
    Places places{};
};

// What is on an EFI system partition: a boot loader that starts one kernel.
struct EspParts {
    Path loader{};
    Path kernel{};
    std::optional<Path> initramfs{};
    std::string cmdline{};
};

struct DiskDescription {
    std::string path{};          // as written: an image file; with ramdisk it goes into the pack
    std::string host{};          // serial number of a disk of the board; filled in for a path
    std::string partition{};     // GPT label or UUID on it
    std::vector<u64> extents{};  // first sector, sectors, …
    std::optional<u64> size{};   // a file that is missing is made so large
    std::string contents{};      // as written: a folder for the file system in that file
    std::string esp_kernel{}, esp_initramfs{}, esp_cmdline{};  // as written
    bool ramdisk = false;
    bool readonly = false;
    std::string serial{};
    std::optional<u64> overlay{};  // bytes of memory for what the VM writes
    std::string bus{};             // abi::pack::word; empty: as the VM has it
    Places places{};
    Path file{};                    // of path; may be missing where there is a size, or it is an ESP
    Path contents_folder{};         // an existing folder, or empty
    std::optional<EspParts> esp{};  // existing files
    bool seed = false;              // made of the VM's `cloud_init`; a ramdisk that has no path
};

struct NetDescription {
    std::string network{};  // the switch
    std::array<u8, 6> mac{};
    bool mac_given = false;
    u32 vlan = 0;
    bool isolated = false;
    bool anti_spoof = false;
    bool offload = false;
    std::string bus{};  // likewise
    Places places{};
};

struct ChannelDescription {
    std::string with{};
    u64 size = 0;
    Places places{};
};

// A device of the board that the VM owns.
struct DeviceDescription {
    std::string host{};
    Places places{};
};

struct VmDescription {
    std::string name{};
    u32 vcpus = 0;
    u64 memory = 0;  // bytes
    bool prefault = false;
    std::string kernel{};     // as written: a path or a name of the catalogue
    std::string initramfs{};  // as written: a path, `busybox`, or empty
    std::string cmdline{};
    std::vector<std::string> trap{};  // vm, wfi, sret
    std::vector<std::string> hide{};  // names of ISA extensions
    std::string interrupts{};         // plic, aplic, aia; empty: what suits the harts
    std::string bus{};                // abi::pack::word
    std::string on_poweroff{}, on_reboot{}, on_crash{};
    u32 restart_delay = 0;  // milliseconds
    u32 count = 0;          // so many like this one, NAME-1 and on; 0: this one
    u32 weight = 0;
    u32 cap = 0;
    bool dedicated = false;
    std::vector<u64> affinity{};  // masks of harts
    u64 colours = 0;              // a mask
    bool rng = false;
    bool balloon = false;
    bool free_page_reporting = false;
    bool watchdog = false;
    u64 vsock_cid = 0;
    u32 consoles = 0;
    std::string firmware_code{}, firmware_variables{};  // as written
    std::optional<u32> variables_disk{};
    std::string user_data{}, meta_data{};  // of cloud_init, as written
    std::vector<DiskDescription> disks{};
    std::vector<NetDescription> nets{};
    std::vector<ChannelDescription> channels{};
    std::vector<DeviceDescription> devices{};
    Places places{};

    Path kernel_path{};                                    // an existing file
    std::optional<Path> initramfs_path{};                  // an existing file; none: no initramfs, or ours
    bool busybox = false;                                  // ours
    Path firmware_code_path{}, firmware_variables_path{};  // existing files, or empty
    Path user_data_path{}, meta_data_path{};               // likewise
};

// A VM that cannot be started, and why.
struct Refusal {
    std::string vm{};
    Place place{};
    std::string sentence{};
};

struct Description {
    std::string file{};  // as the person named it
    MachineDescription machine{};
    HypervisorDescription hypervisor{};
    std::vector<SwitchDescription> switches{};
    std::vector<VmDescription> vms{};  // as they stand in the file
    std::vector<Refusal> refused{};    // VMs that cannot be, and are not among them; the others can
};

// Throws the first refusal, for those who want all VMs or none.
void refuse_none(Description const& description);

// Throws a Failure with one sentence for the first thing that is wrong.  Paths in the text are relative to
// the folder that `file` is in.
[[nodiscard]] Description read_description(Path const& file, Catalogue const& catalogue);
[[nodiscard]] Description read_description(Path const& file);
[[nodiscard]] Description parse_description(std::string_view text, Path const& file,
                                            Catalogue const& catalogue);

}  // namespace antler::cli
