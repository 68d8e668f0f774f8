// Makes the initramfs `busybox`: a shell, and the kernel modules that a VM needs.
#pragma once

#include <vector>

#include "cli/file.hpp"
#include "cli/places.hpp"

namespace antler::cli {

struct InitramfsParts {
    Path packages{};               // Debian's riscv64 packages, unpacked over one another
    std::vector<Path> programs{};  // of guests/linux: linux-NAME becomes /bin/NAME
};

// The archive, the same for the same parts.
[[nodiscard]] Bytes make_initramfs(InitramfsParts const& parts);

// The file of that archive in `directory`, made unless it is there for exactly these parts.
[[nodiscard]] Path cached_initramfs(InitramfsParts const& parts, Path const& directory);

// The one that descriptions mean by `busybox`.
[[nodiscard]] Path busybox_initramfs(Path const& packages = guest_packages());

}  // namespace antler::cli
