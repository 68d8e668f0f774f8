// Image files that are made for disks of VMs: empty ones, a file system, and what EFI firmware boots from.
#pragma once

#include <string>
#include <vector>

#include "cli/description.hpp"
#include "cli/places.hpp"

namespace antler::cli {

// Where the image for these parts lies, or will lie, in `directory`.
[[nodiscard]] Path esp_image_name(EspParts const& parts, Path const& directory);
// A disk with a GPT and one FAT partition; the file appears whole or not at all.
void make_esp_image(EspParts const& parts, Path const& file);

// An ext4 file system of `size` bytes with what is in `folder`; the file appears whole or not at all.
void make_ext4_image(Path const& folder, u64 size, Path const& file);

// The files that are missing and can be made.  One that cannot be made refuses its VM.
void make_images(Description& description);

// A file that was made for a disk, in a folder where it has the serial number that the board's disk must
// have.
struct CopiedImage {
    Path file;
    std::string serial;
};
// Those of make_images(), for whoever writes them to a board's disks.
[[nodiscard]] std::vector<CopiedImage> copy_images(Description const& description, Path const& directory);

}  // namespace antler::cli
