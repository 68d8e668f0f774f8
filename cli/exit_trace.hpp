// QEMU's log of every instruction that the hypervisor executed, cut into exits.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "base/types.hpp"

namespace antler::cli {

// Exits that took the same number of instructions; the path is that of the last of them.
struct ExitShape {
    u64 times = 0;
    std::vector<u64> path;  // where each instruction lies in the image, in order
};

class ExitTrace {
public:
    // The image lies at `image`, and every exit begins at `entry` in it.
    ExitTrace(u64 image, u64 entry) : image_{image}, entry_{entry} {}

    // A line of `-d exec`; other lines are none.
    void line(std::string_view text);

    // By what each shape costs in all, the most expensive first; what is rarer than 2 in 100 exits is left
    // out.
    [[nodiscard]] std::vector<ExitShape> shapes() const;
    [[nodiscard]] u64 exits() const { return exits_; }

private:
    // Longer ones are no exits of a guest's everyday life; only their number is kept.
    static constexpr usize longest = 100'000;

    u64 image_;
    u64 entry_;
    u64 exits_ = 0;
    std::map<u32, std::vector<u64>> open_;  // of each hart
    std::map<usize, ExitShape> shapes_;
};

}  // namespace antler::cli
