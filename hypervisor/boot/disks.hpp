// The board's disks, and what VMs have of them.
#pragma once

#include <array>
#include <optional>

#include "backend/disk_image.hpp"
#include "backend/disk_overlay.hpp"
#include "backend/disk_slice.hpp"
#include "backend/gpt.hpp"
#include "memory/store.hpp"
#include "platform/virtio_block.hpp"
#include "vm/disk_drive.hpp"

namespace antler::boot {

struct System;

// A disk of the board, and what its partition table says.
struct BoardDisk {
    static constexpr usize most_partitions = 32;

    BoardDisk(platform::VirtioTransport& transport, std::span<u8> memory, Ticks patience)
        : driver{transport, memory, patience} {}

    platform::VirtioBlock driver;
    std::array<backend::Partition, most_partitions> partitions{};
    usize partition_count = 0;

    [[nodiscard]] backend::Partition const* find(std::string_view label_or_uuid) const;
};

// A disk of a VM, with everything between it and what it is made of.
struct VmDisk {
    std::array<backend::DiskExtent, 1> whole{};
    std::optional<backend::DiskImage> image{};
    std::optional<backend::DiskSlice> slice{};
    std::optional<backend::DiskOverlay> overlay{};
    std::optional<vm::DiskDrive> drive{};
};

// This hart's copy window.
struct WindowMemory final : backend::PieceMemory {
    void read(Hpa at, std::span<u8> into) override;
    void write(Hpa at, std::span<u8 const> from) override;
};

struct Disks {
    static constexpr usize most = 32;
    std::array<BoardDisk*, most> board{};
    usize count = 0;
    WindowMemory memory{};
};

// Starts every disk of the board.
void open_disks(System& all);
// Fails the requests that take too long; when to come again, none where there are no disks.
[[nodiscard]] std::optional<Nanos> check_disks(System& all);

// Every disk of the VM's description that the guest sees, in the slots that come next.  What cannot be is
// said.
[[nodiscard]] Result<void> add_disks(System& all, vm::Vm& machine, memory::Store& store);
// One that it does not see.
[[nodiscard]] Result<backend::Disk*> hidden_disk(System& all, vm::Vm& machine, memory::Store& store,
                                                 usize index);

}  // namespace antler::boot
