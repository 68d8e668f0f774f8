// A machine and its VMs as a person describes them in TOML, checked and with every default filled in.
#pragma once

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
    std::vector<std::string> qemu_args{};
    Places places{};
};

struct HypervisorDescription {
    std::string on_panic{};             // abi::pack::word
    std::vector<std::string> ignore{};  // abi::pack::word
    std::string log{};                  // abi::pack::word
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
    std::string on_poweroff{}, on_reboot{}, on_crash{};
    Places places{};

    Path kernel_path{};                    // an existing file
    std::optional<Path> initramfs_path{};  // an existing file; none: no initramfs, or ours
    bool busybox = false;                  // ours
};

struct Description {
    std::string file{};  // as the person named it
    MachineDescription machine{};
    HypervisorDescription hypervisor{};
    std::vector<VmDescription> vms{};  // as they stand in the file
};

// Throws a Failure with one sentence for the first thing that is wrong.  Paths in the text are relative to
// the folder that `file` is in.
[[nodiscard]] Description read_description(Path const& file, Catalogue const& catalogue);
[[nodiscard]] Description read_description(Path const& file);
[[nodiscard]] Description parse_description(std::string_view text, Path const& file,
                                            Catalogue const& catalogue);

}  // namespace antler::cli
