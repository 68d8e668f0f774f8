// Exchanges the node of QEMU's that is behind a drive, and notes whose it is.
#include "cli/spare_disks.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>

#include "cli/complaint.hpp"
#include "cli/failure.hpp"
#include "cli/qemu_monitor.hpp"

namespace antler::cli {
namespace {

constexpr u64 sector_bytes = 512;

using Json = nlohmann::json;

// Puts `below` behind the drive, and forgets what was there.  A name that no node ever had keeps those apart.
void exchange(Path const& directory, usize number, Json below) {
    QemuMonitor qemu{qemu_monitor_socket(directory)};
    auto const drive = spare_node(number);
    auto const ours = [&](std::string const& name) { return name.starts_with(drive + "-"); };
    auto const now = std::chrono::steady_clock::now().time_since_epoch().count();
    auto const name = fmt::format("{}-{:x}", drive, static_cast<u64>(now) & 0xffff'ffff'ffff);
    below["node-name"] = name;
    qemu.ask("blockdev-add", below);
    try {
        qemu.ask("blockdev-reopen",
                 {{"options",
                   Json::array(
                       {{{"driver", "raw"}, {"node-name", drive}, {"file", name}, {"discard", "unmap"}}})}});
    } catch (Failure const&) {
        qemu.ask("blockdev-del", {{"node-name", name}});
        throw;
    }
    for (auto const& node : qemu.ask("query-named-block-nodes", {{"flat", true}})) {
        auto const old = node.value("node-name", "");
        if (ours(old) && old != name) qemu.ask("blockdev-del", {{"node-name", old}});
    }
}

void put_behind(Path const& directory, usize number, Path const& file, bool reads) {
    exchange(directory, number,
             {{"driver", std::filesystem::is_block_file(file) ? "host_device" : "file"},
              {"filename", file.string()},
              {"discard", "unmap"},
              // Who reads it alone shares it with others that do; the hypervisor lets no write through.
              {"locking", reads ? "off" : "auto"}});
}

void put_nothing_behind(Path const& directory, usize number) {
    exchange(directory, number, {{"driver", "null-co"}, {"size", spare_disk_bytes}, {"read-zeroes", true}});
}

u64 sectors_of(Path const& file) {
    Descriptor const open{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
    auto const end = open.open() ? ::lseek(open.get(), 0, SEEK_END) : -1;
    return end < 0 ? 0 : static_cast<u64>(end) / sector_bytes;
}

// The board does not say how large the file is: the pack does.
void limit_to_file(DiskDescription& disk) {
    auto const sectors = sectors_of(disk.file);
    auto const& place = disk.places.of("path");
    if (!disk.partition.empty())
        complain(
            place,
            fmt::format("the machine was started without the disk \"{}\", so its partitions are not known; "
                        "`extents` can say where this one is.",
                        disk.path));
    if (sectors == 0) complain(place, fmt::format("the disk \"{}\" is empty.", disk.path));
    if (disk.extents.empty()) disk.extents = {0, sectors};
    for (usize i = 0; i + 1 < disk.extents.size(); i += 2)
        if (disk.extents[i] > sectors || disk.extents[i + 1] > sectors - disk.extents[i])
            complain(place, fmt::format("the `extents` lie outside the disk \"{}\".", disk.path));
}

}  // namespace

std::string spare_serial(usize number) {
    return fmt::format("antler-spare-{}", number);
}

std::string spare_node(usize number) {
    return fmt::format("spare{}", number);
}

Path qemu_monitor_socket(Path const& directory) {
    return directory / "qemu";
}

HeldRecord::HeldRecord(Path directory)
    : directory_{std::move(directory)},
      lock_{::open((directory_ / "record.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)} {
    while (lock_.open() && ::flock(lock_.get(), LOCK_EX) != 0 && errno == EINTR) {
    }
    record = read_instance_record(directory_);
}

void HeldRecord::keep() const {
    if (record.qemu != 0) write_instance_record(directory_, record);
}

void find_drive(HeldRecord& held, std::string const& vm, DiskDescription& disk) {
    if (disk.path.empty() || disk.ramdisk) return;
    auto const file = std::filesystem::absolute(disk.file).string();
    if (auto const found = held.record.drives.find(file); found != held.record.drives.end()) {
        disk.host = found->second;
        return;
    }
    auto const& place = disk.places.of("path");
    bool const reads = disk.readonly || disk.overlay;
    auto& spares = held.record.spares;
    auto spare = std::ranges::find(spares, file, &SpareDisk::file);
    if (spare != spares.end() && !(reads && spare->reads))
        complain(place, fmt::format("the disk \"{}\" belongs to `{}`; give both `readonly` or an `overlay`.",
                                    disk.path, spare->vms.front()));
    bool const fresh = spare == spares.end();
    if (fresh) spare = std::ranges::find(spares, std::string{}, &SpareDisk::file);
    if (spare == spares.end())
        complain(place,
                 fmt::format(
                     "the machine was started without the disk \"{}\", and has no spare drive left of its {} "
                     "(`spare_disks` in [machine]).",
                     disk.path, spares.size()));
    limit_to_file(disk);
    auto const number = static_cast<usize>(spare - spares.begin());
    if (fresh) {
        try {
            put_behind(held.directory(), number, file, reads);
        } catch (Failure const& failure) {
            complain(place, fmt::format("the disk \"{}\" cannot be used. {}", disk.path, failure.what()));
        }
        spare->file = file;
        spare->reads = reads;
    }
    spare->vms.push_back(vm);
    disk.host = spare_serial(number);
    held.keep();  // whoever comes after us, should we end here, knows
}

void give_back_drives(HeldRecord& held, std::string const& vm) {
    for (usize i = 0; i < held.record.spares.size(); ++i) {
        auto& spare = held.record.spares[i];
        if (std::erase(spare.vms, vm) == 0 || !spare.vms.empty()) continue;
        put_nothing_behind(held.directory(), i);
        spare = {};
    }
    held.keep();
}

void give_back_drives_of_others(HeldRecord& held, std::vector<std::string> const& vms) {
    std::vector<std::string> gone;
    for (auto const& spare : held.record.spares)
        for (auto const& vm : spare.vms)
            if (std::ranges::find(vms, vm) == vms.end()) gone.push_back(vm);
    for (auto const& vm : gone) give_back_drives(held, vm);
}

}  // namespace antler::cli
