// Where kernel, initramfs and device tree lie in a VM's memory.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "base/address.hpp"
#include "cli/image.hpp"

namespace antler::cli {

//     ram_base … kernel (where it says) … initramfs (2 MiB-aligned, as high as it fits) … device tree … end
struct Layout {
    Gpa entry{};
    Gpa dtb{};
    std::optional<Gpa> initrd{};
    Gpa end{};  // of the memory
};

// Of a VM that starts in its flash memory.
[[nodiscard]] Layout lay_out_firmware(u64 memory);

// The layout, or why there is none, as a whole sentence.
[[nodiscard]] std::expected<Layout, std::string> lay_out(u64 memory, KernelImage const& kernel,
                                                         std::optional<u64> initrd_bytes);

}  // namespace antler::cli
