// Where kernel, initramfs and device tree lie in a VM's memory.
#include "cli/layout.hpp"

#include <fmt/format.h>

#include "abi/pack.hpp"
#include "cli/byte_size.hpp"

namespace antler::cli {

Layout lay_out_firmware(u64 memory) {
    auto const end = abi::pack::ram_base + memory;
    return {.entry = abi::pack::flash_base, .dtb = end - abi::pack::dtb_room, .end = end};
}

std::expected<Layout, std::string> lay_out(u64 memory, KernelImage const& kernel,
                                           std::optional<u64> initrd_bytes) {
    Layout layout{.entry = kernel.entry, .end = abi::pack::ram_base + memory};
    layout.dtb = layout.end - abi::pack::dtb_room;

    Gpa const kernel_start = kernel.segments.front().at;
    Gpa const kernel_end = kernel.segments.back().end();
    if (kernel_end > layout.dtb)
        return std::unexpected{fmt::format(
            "the kernel lies at {:#x} to {:#x}, and {} of memory with room for a device tree end at {:#x}.",
            kernel_start.raw(), kernel_end.raw(), show_size(memory), layout.dtb.raw())};

    if (initrd_bytes) {
        u64 const room = layout.dtb - abi::pack::ram_base;
        Gpa const at = *initrd_bytes > room
                           ? Gpa{}
                           : (layout.dtb - *initrd_bytes).align_down(abi::pack::payload_alignment);
        if (at < kernel_end)
            return std::unexpected{
                fmt::format("the initramfs of {} does not fit between the kernel, which ends at {:#x}, and "
                            "the device tree "
                            "at {:#x}.",
                            show_rounded_size(*initrd_bytes), kernel_end.raw(), layout.dtb.raw())};
        layout.initrd = at;
    }
    return layout;
}

}  // namespace antler::cli
