// Where things are: the source tree, what was built from it, and what was fetched for it.
#pragma once

#include <filesystem>
#include <string>

namespace antler::cli {

using Path = std::filesystem::path;

// The launcher says where; a program started by hand finds the tree above itself.
[[nodiscard]] Path root_directory();   // ANTLER_ROOT
[[nodiscard]] Path cache_directory();  // ANTLER_CACHE
[[nodiscard]] Path build_directory();  // ANTLER_BUILD

[[nodiscard]] Path hypervisor_image();                     // flat, as a boot loader takes it
[[nodiscard]] Path hypervisor_elf();                       // the same with symbols
[[nodiscard]] Path guest_elf(std::string const& name);     // guests/NAME
[[nodiscard]] Path guest_packages();                       // Debian's riscv64 packages, unpacked
[[nodiscard]] Path qemu_program();                         // ANTLER_QEMU, or the one in the cache
[[nodiscard]] Path find_program(std::string const& name);  // in PATH; empty when it is not there

}  // namespace antler::cli
