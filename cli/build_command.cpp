// `antler build FILE -o DIR`: writes what a board boots.
#include "cli/build_command.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "cli/byte_size.hpp"
#include "cli/disk_images.hpp"
#include "cli/failure.hpp"
#include "cli/machine_build.hpp"

namespace antler::cli {

int build_command(Path const& file, Path const& out) {
    auto description = read_description(file);
    refuse_none(description);
    make_images(description);
    refuse_none(description);
    auto const built = build_machine(description, out);
    fmt::print("{} ({}): boot it like a Linux Image\n{} ({}): hand it over as its initrd\n",
               built.image.string(), show_rounded_size(std::filesystem::file_size(built.image)),
               built.pack.string(), show_rounded_size(std::filesystem::file_size(built.pack)));
    for (auto const& image : copy_images(description, out))
        fmt::print("{} ({}): write it to the disk with the serial number {}\n", image.file.string(),
                   show_rounded_size(std::filesystem::file_size(image.file)), image.serial);
    return static_cast<int>(ExitCode::success);
}

}  // namespace antler::cli
