// Drives that a machine is started with for the disks of VMs that come later: QEMU's cannot be added, but
// what is behind one can be exchanged.
#pragma once

#include <string>
#include <vector>

#include "cli/description.hpp"
#include "cli/instances.hpp"
#include "cli/places.hpp"

namespace antler::cli {

inline constexpr u64 spare_disk_bytes = u64{64}
                                        << 40;  // as long as nothing is behind it: more than any image

// The serial number on the board, and the name of QEMU's node.
[[nodiscard]] std::string spare_serial(usize number);
[[nodiscard]] std::string spare_node(usize number);
[[nodiscard]] Path qemu_monitor_socket(Path const& directory);

// The record of a machine, which nobody else changes as long as this lives.
class HeldRecord {
public:
    explicit HeldRecord(Path directory);

    InstanceRecord record{};

    // Writes it back, where the machine has one.
    void keep() const;
    [[nodiscard]] Path const& directory() const { return directory_; }

private:
    Path directory_;
    Descriptor lock_;
};

// Gives the disk of a new VM the serial number of a drive of the machine, one that is there already or a
// spare one that the file is put behind.  A complaint where there is none.
void find_drive(HeldRecord& held, std::string const& vm, DiskDescription& disk);

// The VM has no disks any more: takes the files that nobody else uses from behind its drives.
void give_back_drives(HeldRecord& held, std::string const& vm);

// The same for every VM that is not among these.
void give_back_drives_of_others(HeldRecord& held, std::vector<std::string> const& vms);

}  // namespace antler::cli
