// Guests that have a name: which files of Debian's packages each one is.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "cli/places.hpp"

namespace antler::cli {

struct CatalogueEntry {
    std::string_view name;
    std::string_view kernel;  // below the packages; one star stands for a version, and the highest is taken
    std::string_view initrd;  // empty: it has none of its own
    std::string_view sentence;
};

inline constexpr std::array catalogue_entries{
    CatalogueEntry{"debian:linux", "boot/vmlinux-*", "", "the kernel of Debian 13"},
    CatalogueEntry{"debian:netboot",
                   "usr/lib/debian-installer/images/13/riscv64/text/debian-installer/riscv64/linux",
                   "usr/lib/debian-installer/images/13/riscv64/text/debian-installer/riscv64/initrd.gz",
                   "the installer of Debian 13, with its own initramfs"},
    CatalogueEntry{"debian:u-boot", "usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin", "",
                   "the boot loader U-Boot, for S-mode"},
};

// Firmware that a description calls by this name, and what it keeps at first.
inline constexpr std::string_view edk2_name = "debian:edk2";
inline constexpr std::string_view edk2_code = "usr/share/qemu-efi-riscv64/RISCV_VIRT_CODE.fd";
inline constexpr std::string_view edk2_variables = "usr/share/qemu-efi-riscv64/RISCV_VIRT_VARS.fd";
// What EFI firmware starts first from a disk that Antler makes.
inline constexpr std::string_view efi_loader = "usr/lib/systemd/boot/efi/systemd-bootriscv64.efi";

// A disk that has a name.
struct CatalogueDisk {
    std::string_view name;
    std::string_view file;  // below the cache
    std::string_view how;   // it is made
    std::string_view sentence;
};

inline constexpr std::array catalogue_disks{
    CatalogueDisk{"debian:userland", "userland/disk.img", "./antler build-guest debian",
                  "Debian 13 with systemd, and what a test wants: an ext4 file system, the root of a Linux"},
};

// A payload.kernel or a disk's path that starts like this is looked up here and is not a path.
inline constexpr std::string_view catalogue_prefix = "debian:";
// And one that starts like this is one of the small guests of this tree, guests/NAME.
inline constexpr std::string_view guest_prefix = "guest:";

class Catalogue {
public:
    explicit Catalogue(Path packages) : packages_{std::move(packages)} {}

    [[nodiscard]] Path const& packages() const { return packages_; }
    [[nodiscard]] static CatalogueEntry const* find(std::string_view name);
    [[nodiscard]] static CatalogueDisk const* find_disk(std::string_view name);

    // The file that a pattern of an entry means; none: it was not fetched.
    [[nodiscard]] std::optional<Path> resolve(std::string_view pattern) const;

private:
    Path packages_;  // all riscv64 packages, unpacked over one another
};

// Below this the parts of a number count as one: 6.9 is before 6.12.
[[nodiscard]] bool version_before(std::string_view a, std::string_view b);

}  // namespace antler::cli
