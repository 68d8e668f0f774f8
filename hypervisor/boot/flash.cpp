// The flash memory of VMs: a program that stays in the pack, and a copy of what it keeps.
#include "boot/flash.hpp"

#include <algorithm>

#include "boot/disks.hpp"
#include "memory/house.hpp"
#include "vm/kept_flash.hpp"

namespace antler::boot {

namespace {

// What follows the last byte that is not zero was never used: images are filled up to the size of the chip.
usize used_bytes(std::span<u8 const> image) {
    usize used = image.size();
    auto const is_empty = [&](usize from) {
        for (usize i = from; i < from + page_bytes; i += 8) {
            u64 word = 0;
            __builtin_memcpy(&word, image.data() + i, 8);
            if (word != 0) return false;
        }
        return true;
    };
    while (used >= page_bytes && is_empty(used - page_bytes)) used -= page_bytes;
    return used;
}

std::span<u8 const> bytes_at(HpaRange range) {
    return {static_cast<u8 const*>(memory::house_view(range.start)), range.size};
}

// The disk that keeps the cells.
Result<vm::KeptFlash*> keep(System& all, vm::Vm& machine, memory::Store& store, std::span<u8> cells,
                            std::span<u8 const> first) {
    auto const index = machine.description().flash.disk;
    auto& disk = *TRY(hidden_disk(all, machine, store, index));
    auto const shape = disk.shape();
    auto const needed = vm::FlashKeeper::disk_bytes(cells.size());
    if (shape.read_only || shape.sectors < needed / backend::sector_bytes) {
        say("antler: {}: disk {}, which keeps its flash memory, {}\n", machine.name(), index,
            shape.read_only ? "cannot be written" : "is too small");
        return Err{Error::out_of_range};
    }
    vm::FlashKeeper::Memory const memory{.cells = cells,
                                         .copy = TRY(store.take(cells.size(), page_bytes)),
                                         .header = TRY(store.take(page_bytes, page_bytes)),
                                         .first = first};
    return store.make<vm::KeptFlash>(machine, disk, memory);
}

}  // namespace

Result<void> add_flash(System& all, vm::Vm& machine, memory::Store& store) {
    auto const& wanted = machine.description().flash;
    if (wanted.code.size == 0) return {};
    if (!wanted.code.start.is_aligned(page_bytes)) return Err{Error::misaligned};
    auto const whole_variables = bytes_at(wanted.variables);
    auto const variables =
        whole_variables.first(std::min<usize>(whole_variables.size(), device::FlashArray::most_kept));
    auto const kept = used_bytes(variables);
    auto const cells = TRY(store.take(vm::FlashKeeper::image_bytes(kept), page_bytes));
    auto* const keeper = wanted.disk == vm::FlashDescription::none
                             ? nullptr
                             : TRY(keep(all, machine, store, cells, variables.first(kept)));
    if (keeper == nullptr) std::ranges::copy(variables.first(kept), cells.begin());
    auto const code = bytes_at(wanted.code);
    // The guest runs the program where the pack has it.  What is not a whole page is read word by word.
    auto const whole = used_bytes(code) & ~(page_bytes - 1);
    if (whole != 0)
        TRY(machine.ram().space().map_borrowed(vm::code_flash_region.start, {wanted.code.start, whole},
                                               {.read = true, .write = false, .execute = true}));
    return machine.machine().add_flash(code, cells.first(kept), keeper);
}

}  // namespace antler::boot
