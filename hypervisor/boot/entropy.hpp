// Random bytes for guests, drawn from what the board offered at start.
#pragma once

#include <array>
#include <span>

#include "base/types.hpp"

namespace antler::boot {

// ChaCha20 as a generator: each draw replaces the key by its own output, so that what was given out cannot be
// computed from what is kept.
class Entropy {
public:
    // Mixes bytes into the key.  `secret` says that nobody else knows them.
    void mix(std::span<u8 const> bytes, bool secret);
    // False while nothing secret was mixed in.
    [[nodiscard]] bool draw(std::span<u8> into);
    [[nodiscard]] bool is_seeded() const { return seeded_; }

private:
    using Block = std::array<u32, 16>;
    [[nodiscard]] Block next_block();

    std::array<u32, 8> key_{};
    u64 counter_ = 0;
    bool seeded_ = false;
};

}  // namespace antler::boot
