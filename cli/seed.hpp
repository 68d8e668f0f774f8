// Makes the disk from which cloud-init learns who a VM is: its NoCloud seed.
#pragma once

#include <string>
#include <string_view>

#include "cli/file.hpp"

namespace antler::cli {

struct Seed {
    std::string_view user_data{};
    std::string_view meta_data{};
};

// An ISO 9660 image with the label CIDATA and these files, the same for the same texts.
[[nodiscard]] Bytes make_seed(Seed const& seed);

// What a VM is told without meta-data of its own: its name.
[[nodiscard]] std::string default_meta_data(std::string_view vm);

}  // namespace antler::cli
