// Checks of a description's disks, network cards and channels, which no single key can make.
#include "cli/device_checks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "abi/pack.hpp"
#include "cli/description_values.hpp"
#include "cli/spelling.hpp"

namespace antler::cli {
namespace {

void refuse(Description& description, VmDescription const& vm, Place const& place, std::string sentence) {
    description.refused.push_back({vm.name, place, std::move(sentence)});
}

// One of the catalogue, which all VMs of all machines share.
bool check_known_disk(Description& description, VmDescription const& vm, DiskDescription& disk) {
    auto const& place = disk.places.of("path");
    auto const* const known = Catalogue::find_disk(disk.path);
    if (known == nullptr) {
        std::vector<std::string_view> names;
        for (auto const& each : catalogue_disks) names.push_back(each.name);
        complain(place, fmt::format("`{}` is not a disk of the catalogue{}", disk.path,
                                    suggestion(disk.path, names, "there is")));
    }
    if (!disk.readonly && !disk.overlay && !disk.ramdisk)
        complain(place, fmt::format("the disk `{}` is everybody's: give it an `overlay`, or `readonly`.",
                                    disk.path));
    disk.file = cache_directory() / known->file;
    std::error_code error;
    if (std::filesystem::is_regular_file(disk.file, error)) return true;
    refuse(description, vm, place,
           fmt::format("the disk `{}` was not made yet; `{}` does that.", disk.path, known->how));
    return false;
}

// False: the VM is refused.
bool check_disk(Description& description, VmDescription const& vm, DiskDescription& disk) {
    if (disk.seed) return true;
    if (disk.path.empty() == disk.host.empty())
        complain(disk.places.table, "a disk has a `path`, a `host` or an `esp`, and one of them alone.");
    if (disk.ramdisk &&
        (disk.path.empty() || disk.overlay || !disk.partition.empty() || !disk.extents.empty()))
        complain(disk.places.table,
                 "a disk with `ramdisk` has a `path`, `readonly` and `serial`, and no more.");
    if (!disk.partition.empty() && !disk.extents.empty())
        complain(disk.places.table, "a disk has a `partition` or `extents`, and not both.");
    if (disk.overlay && disk.readonly)
        complain(disk.places.table, "a disk with an `overlay` is not `readonly`: the disk below it is.");
    if (disk.path.empty()) return true;

    if (disk.path.starts_with(catalogue_prefix)) return check_known_disk(description, vm, disk);
    disk.file =
        Path{disk.path}.is_absolute() ? Path{disk.path} : Path{description.file}.parent_path() / disk.path;
    disk.file = disk.file.lexically_normal();
    auto const& place = disk.places.of("path");
    if (disk.esp) return true;  // made when it is missing
    std::error_code error;
    auto const status = std::filesystem::status(disk.file, error);
    if (!std::filesystem::exists(status)) {
        if (disk.size && !disk.ramdisk) return true;
        refuse(description, vm, place, fmt::format("the disk \"{}\" does not exist.", disk.file.string()));
        return false;
    }
    if (!std::filesystem::is_regular_file(status) && !std::filesystem::is_block_file(status)) {
        refuse(description, vm, place, fmt::format("the disk \"{}\" is not a file.", disk.file.string()));
        return false;
    }
    if (::access(disk.file.c_str(), R_OK) != 0) {
        refuse(description, vm, place, fmt::format("the disk \"{}\" may not be read.", disk.file.string()));
        return false;
    }
    return true;
}

// One file is one drive of QEMU's; only readers may share it, for two writers would break it.
void name_drives(Description& description) {
    struct Drive {
        std::string serial;
        bool written;
    };
    std::map<std::string, Drive> drives;
    for (auto& vm : description.vms)
        for (auto& disk : vm.disks) {
            if (disk.path.empty() || disk.ramdisk) continue;
            bool const whole = disk.partition.empty() && disk.extents.empty();
            bool const writes = !disk.readonly && !disk.overlay;
            auto const [found, fresh] = drives.try_emplace(
                disk.file.string(), Drive{fmt::format("antler-{}", drives.size()), writes && whole});
            if (!fresh && whole && (writes || found->second.written))
                complain(disk.places.of("path"),
                         fmt::format("the disk \"{}\" belongs to another VM too; give both `readonly` or an "
                                     "`overlay`.",
                                     disk.path));
            disk.host = found->second.serial;
        }
}

void check_nets(Description const& description, VmDescription& vm) {
    std::vector<std::string_view> names;
    for (auto const& one : description.switches) names.push_back(one.name);
    for (usize i = 0; i < vm.nets.size(); ++i) {
        auto& net = vm.nets[i];
        if (std::ranges::find(names, net.network) == names.end())
            complain(net.places.of("switch"),
                     names.empty()
                         ? fmt::format("there is no switch `{0}`; add a table [switch.{0}].", net.network)
                         : fmt::format("there is no switch `{}`{}", net.network,
                                       suggestion(net.network, names, "there are")));
        if (!net.mac_given) net.mac = default_mac(vm.name, i);
    }
}

void check_channels(Description const& description, VmDescription const& vm) {
    std::vector<std::string_view> names;
    for (auto const& other : description.vms)
        if (other.name != vm.name) names.push_back(other.name);
    for (auto const& channel : vm.channels) {
        auto const& place = channel.places.of("with");
        if (channel.with == vm.name) complain(place, "a channel joins a VM with another, not with itself.");
        if (std::ranges::find(names, channel.with) == names.end())
            complain(place, fmt::format("there is no VM `{}`{}", channel.with,
                                        names.empty() ? "." : suggestion(channel.with, names, "there are")));
    }
}

void check_addresses(Description const& description) {
    std::map<u64, std::string> cids;
    std::map<std::array<u8, 6>, std::string> macs;
    for (auto const& vm : description.vms) {
        if (vm.vsock_cid != 0)
            if (auto const [found, fresh] = cids.try_emplace(vm.vsock_cid, vm.name); !fresh)
                complain(vm.places.of("vsock.cid"),
                         fmt::format("`{}` has the `vsock.cid` {} already.", found->second, vm.vsock_cid));
        for (auto const& net : vm.nets)
            if (auto const [found, fresh] = macs.try_emplace(net.mac, vm.name); !fresh)
                complain(net.places.of("mac"), fmt::format("a card of `{}` has the address {} already.",
                                                           found->second, show_mac(net.mac)));
    }
}

void check_harts(VmDescription const& vm) {
    auto const& place = vm.places.of("cpus.affinity");
    if (vm.affinity.size() > 1 && vm.affinity.size() != vm.vcpus)
        complain(place,
                 fmt::format("`cpus.affinity` has {} texts for {} vCPUs: it is one for all, or one for each.",
                             vm.affinity.size(), vm.vcpus));
    if (vm.dedicated && vm.affinity.empty())
        complain(vm.places.of("cpus.dedicated"),
                 "`cpus.dedicated` needs `cpus.affinity`, to say which harts.");
}

void check_kept_flash(VmDescription const& vm) {
    if (!vm.variables_disk) return;
    auto const& place = vm.places.of("payload.firmware.vars_disk");
    if (vm.firmware_code.empty())
        complain(place, "`payload.firmware.vars_disk` needs `payload.firmware.code`.");
    if (*vm.variables_disk >= vm.disks.size())
        complain(place, fmt::format("`payload.firmware.vars_disk` is {}, and the VM has {} disk{}.",
                                    *vm.variables_disk, vm.disks.size(), vm.disks.size() == 1 ? "" : "s"));
    auto const& disk = vm.disks[*vm.variables_disk];
    if (disk.readonly || disk.ramdisk || disk.overlay)
        complain(disk.places.table,
                 "the disk that `payload.firmware.vars_disk` names is one that keeps what is written.");
}

}  // namespace

void repeat_vms(Description& description) {
    std::vector<VmDescription> all;
    for (auto const& vm : description.vms) {
        if (vm.count == 0) {
            all.push_back(vm);
            continue;
        }
        for (u32 i = 1; i <= vm.count; ++i) {
            auto& one = all.emplace_back(vm);
            one.name = fmt::format("{}-{}", vm.name, i);
            auto const& place = vm.places.of("count");
            if (one.name.size() > abi::pack::longest_name)
                complain(place, fmt::format("the name `{}` is longer than {} characters.", one.name,
                                            abi::pack::longest_name));
        }
    }
    std::set<std::string> names;
    for (auto const& vm : all) {
        if (!names.insert(vm.name).second)
            complain(vm.places.table, fmt::format("there are two VMs with the name `{}`.", vm.name));
    }
    if (all.size() > abi::pack::most_vms)
        complain(all.back().places.of("count"),
                 fmt::format("these are {} VMs, and {} are the most.", all.size(), abi::pack::most_vms));
    description.vms = std::move(all);
}

void check_devices(Description& description) {
    for (auto const& one : description.switches)
        if (!one.forward.empty() && !one.uplink)
            complain(one.places.of("forward"), "`forward` needs `uplink = true`.");
    for (auto& vm : description.vms) {
        check_harts(vm);
        check_nets(description, vm);
        check_channels(description, vm);
        check_kept_flash(vm);
    }
    check_addresses(description);
    std::erase_if(description.vms, [&](VmDescription& vm) {
        return !std::ranges::all_of(vm.disks,
                                    [&](DiskDescription& disk) { return check_disk(description, vm, disk); });
    });
    name_drives(description);
}

}  // namespace antler::cli
