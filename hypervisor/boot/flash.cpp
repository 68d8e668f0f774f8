// The flash memory of VMs: a program that stays in the pack, and a copy of what it keeps.
#include "boot/flash.hpp"

#include <algorithm>

#include "memory/house.hpp"

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

}  // namespace

Result<void> add_flash(System&, vm::Vm& machine, memory::Store& store) {
    auto const& wanted = machine.description().flash;
    if (wanted.code.size == 0) return {};
    if (!wanted.code.start.is_aligned(page_bytes)) return Err{Error::misaligned};
    // Not yet: writing changes back to a disk.  Better no VM than one that forgets what it should keep.
    if (wanted.disk != vm::FlashDescription::none) return Err{Error::not_supported};
    auto const whole_variables = bytes_at(wanted.variables);
    auto const variables =
        whole_variables.first(std::min<usize>(whole_variables.size(), device::FlashArray::most_kept));
    auto const kept = used_bytes(variables);
    auto const cells = TRY(store.take(kept));
    std::ranges::copy(variables.first(kept), cells.begin());
    auto const code = bytes_at(wanted.code);
    // The guest runs the program where the pack has it.  What is not a whole page is read word by word.
    auto const whole = used_bytes(code) & ~(page_bytes - 1);
    if (whole != 0)
        TRY(machine.ram().space().map_borrowed(vm::code_flash_region.start, {wanted.code.start, whole},
                                               {.read = true, .write = false, .execute = true}));
    return machine.machine().add_flash(code, cells);
}

}  // namespace antler::boot
