// Finds disks by serial number and partitions by name, and puts VMs' disks together.
#include "boot/disks.hpp"

#include <new>

#include "boot/drivers.hpp"
#include "boot/system.hpp"
#include "memory/store.hpp"

namespace antler::boot {
namespace {

using backend::DiskExtent;
using backend::sector_bytes;

constexpr Nanos patience{30'000'000'000};
constexpr Nanos check_period{2'000'000'000};

// The table at this sector, if there is one.
[[nodiscard]] Result<void> read_partitions(BoardDisk& disk, u64 sector, std::span<u8> buffer) {
    auto const sectors = disk.driver.shape().sectors;
    TRY(disk.driver.read_now(sector, buffer.first(sector_bytes)));
    auto const header = TRY(backend::read_gpt_header(buffer.first(sector_bytes), sector, sectors));
    auto const bytes = (header.entries_bytes() + sector_bytes - 1) & ~(sector_bytes - 1);
    TRY(disk.driver.read_now(header.entries_sector, buffer.first(bytes)));
    disk.partition_count = TRY(backend::read_gpt_entries(header, buffer.first(bytes), disk.partitions));
    return {};
}

void find_partitions(System& all, BoardDisk& disk) {
    auto const pages =
        memory::take_pages(all.frames, all.house, backend::most_gpt_bytes, memory::house_owner);
    if (!pages) return;
    std::span const buffer{static_cast<u8*>(memory::house_view(pages.value().start)), pages.value().size};
    auto const first = read_partitions(disk, 1, buffer);
    // The other copy is at the end.
    if (!first && first.error() == Error::bad_format)
        (void)read_partitions(disk, disk.driver.shape().sectors - 1, buffer);
    memory::give_back_pages(all.frames, pages.value());
}

[[nodiscard]] Result<void> open_disk(System& all, platform::VirtioTransport& transport) {
    if (all.disks.count == Disks::most) return Err{Error::full};
    auto const place = TRY(driver_memory(all, sizeof(BoardDisk)));
    auto const queue = TRY(driver_memory(all, platform::VirtioBlock::memory_bytes()));
    auto& disk = *new (place.data()) BoardDisk(transport, queue, all.board.timebase.ticks(patience));
    TRY(disk.driver.open());
    find_partitions(all, disk);
    TRY(listen_to(all, transport.wire(), disk.driver));
    all.disks.board[all.disks.count++] = &disk;
    return {};
}

// Puts one disk together for the VM it belongs to.
class Assembly {
public:
    Assembly(System& all, vm::Vm& machine, memory::Store& store, usize index)
        : all_{all},
          machine_{machine},
          store_{store},
          index_{index},
          wanted_{machine.description().disks[index]} {}

    // A drive that the guest sees.
    [[nodiscard]] Result<void> add_drive() {
        auto& disk = *TRY(store_.make<VmDisk>());
        auto& below = *TRY(assemble(disk));
        auto& slots = machine_.machine();
        return slots.add(
            disk.drive.emplace(machine_, TRY(slots.next_wire(store_, wanted_.bus)), below, wanted_.serial));
    }

    [[nodiscard]] Result<backend::Disk*> assemble(VmDisk& disk) {
        auto* below = wanted_.host.empty() && wanted_.partition.empty() ? image(disk) : TRY(slice(disk));
        auto budget = wanted_.overlay_bytes;
        // A RAM disk can be written to, and then has its own copy of each page.
        if (disk.image && !wanted_.readonly && budget == 0)
            budget = (wanted_.ramdisk.size & ~(page_bytes - 1)) / 64 * 65 + 16 * page_bytes;
        if (budget != 0 && !wanted_.readonly)
            below = &disk.overlay.emplace(*below, all_.disks.memory, all_.frames, all_.house, store_.owner(),
                                          budget);
        return below;
    }

private:
    [[nodiscard]] backend::Disk* image(VmDisk& disk) {
        auto const& range = wanted_.ramdisk;
        return &disk.image.emplace(
            std::span{static_cast<u8 const*>(memory::house_view(range.start)), range.size},
            all_.disks.memory);
    }

    [[nodiscard]] Result<backend::Disk*> slice(VmDisk& disk) {
        auto* const base = find_base();
        if (base == nullptr) {
            say("antler: {}: disk {}: the board has no disk with the serial number \"{}\"\n", machine_.name(),
                index_, wanted_.host);
            return Err{Error::not_found};
        }
        std::span<DiskExtent> extents{disk.whole};
        if (!wanted_.partition.empty()) {
            auto const* const partition = base->find(wanted_.partition);
            if (partition == nullptr) {
                say("antler: {}: disk {}: no partition is called \"{}\"\n", machine_.name(), index_,
                    wanted_.partition);
                return Err{Error::not_found};
            }
            disk.whole[0] = {partition->first, partition->sectors, 0};
        } else if (wanted_.extents.empty()) {
            disk.whole[0] = {0, base->driver.shape().sectors, 0};
        } else {
            auto const count = wanted_.extents.size() / 2;
            auto const place = TRY(store_.take(count * sizeof(DiskExtent)));
            extents = {reinterpret_cast<DiskExtent*>(place.data()), count};
            for (usize i = 0; i < count; ++i)
                extents[i] = {wanted_.extents[2 * i], wanted_.extents[2 * i + 1], 0};
        }
        auto const sectors = backend::DiskSlice::check(base->driver, extents);
        if (!sectors) {
            say("antler: {}: disk {}: its extents lie outside the board's disk\n", machine_.name(), index_);
            return Err{sectors.error()};
        }
        return &disk.slice.emplace(base->driver, extents, sectors.value(),
                                   wanted_.readonly || wanted_.overlay_bytes != 0);
    }

    // A partition alone is looked for on every disk.
    [[nodiscard]] BoardDisk* find_base() {
        for (usize i = 0; i < all_.disks.count; ++i) {
            auto& disk = *all_.disks.board[i];
            bool const is_it = wanted_.host.empty() ? disk.find(wanted_.partition) != nullptr
                                                    : disk.driver.serial() == wanted_.host;
            if (is_it) return &disk;
        }
        return nullptr;
    }

    System& all_;
    vm::Vm& machine_;
    memory::Store& store_;
    usize index_;
    vm::DiskDescription const& wanted_;
};

// Calls body(at, window) for the pages of a stretch.
template <class Body>
void through_window(Hpa at, u64 bytes, bool writable, Body&& body) {
    auto& view = this_boot_core().view;
    for (u64 done = 0; done < bytes;) {
        auto const page = (at + done).align_down(page_bytes);
        auto const offset = at + done - page;
        auto const count =
            std::min(bytes - done, memory::granule_bytes - page.offset_in(memory::granule_bytes) - offset);
        auto const guard = view.open({page, (offset + count + page_bytes - 1) & ~(page_bytes - 1)}, writable);
        body(done, guard.bytes().subspan(offset, count));
        done += count;
    }
}

}  // namespace

void WindowMemory::read(Hpa at, std::span<u8> into) {
    through_window(at, into.size(), false, [&](u64 done, std::span<u8> window) {
        __builtin_memcpy(into.data() + done, window.data(), window.size());
    });
}
void WindowMemory::write(Hpa at, std::span<u8 const> from) {
    through_window(at, from.size(), true, [&](u64 done, std::span<u8> window) {
        __builtin_memcpy(window.data(), from.data() + done, window.size());
    });
}

backend::Partition const* BoardDisk::find(std::string_view label_or_uuid) const {
    for (usize i = 0; i < partition_count; ++i)
        if (partitions[i].is_called(label_or_uuid)) return &partitions[i];
    return nullptr;
}

void open_disks(System& all) {
    all.virtio.for_each(abi::virtio::DeviceId::block, [&](platform::VirtioTransport& transport) {
        auto const opened = open_disk(all, transport);
        if (!opened) say("antler: a disk of the board does not start: {}\n", describe(opened.error()));
    });
    if (all.disks.count != 0) all.cores[0]->background_at = hart::time();
}

std::optional<Nanos> check_disks(System& all) {
    if (all.disks.count == 0) return std::nullopt;
    for (usize i = 0; i < all.disks.count; ++i) all.disks.board[i]->driver.check({hart::time()});
    return check_period;
}

Result<void> add_disks(System& all, vm::Vm& machine, memory::Store& store) {
    auto const& wanted = machine.description();
    for (usize i = 0; i < wanted.disk_count; ++i)
        if (i != wanted.flash.disk) TRY(Assembly(all, machine, store, i).add_drive());
    return {};
}

Result<backend::Disk*> hidden_disk(System& all, vm::Vm& machine, memory::Store& store, usize index) {
    return Assembly(all, machine, store, index).assemble(*TRY(store.make<VmDisk>()));
}

}  // namespace antler::boot
