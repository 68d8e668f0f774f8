// The board's PLIC: one enabled source, one hart that takes it.
#pragma once

#include <array>

#include "base/address.hpp"
#include "base/types.hpp"

namespace antler::platform {

class HostPlic {
public:
    // `context` is the S-mode context of the hart that will claim.
    HostPlic(Hpa base, u32 context) : base_{base}, context_{context} {}

    void enable(u32 source);
    // The same sources once more: firmware that starts a hart closes them all.
    void enable_again();
    // Zero: nothing is pending.
    [[nodiscard]] u32 claim();
    void complete(u32 source);

private:
    static constexpr u32 sources = 1024;

    Hpa base_;
    u32 context_;
    std::array<u32, sources / 32> enabled_{};
};

}  // namespace antler::platform
