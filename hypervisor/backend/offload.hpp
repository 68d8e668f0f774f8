// What of a packet's checksum and segmentation is left to do, by whoever takes it out of the machine.
#pragma once

#include "base/types.hpp"

namespace antler::backend {

enum class Segments : u8 { none, tcp4, tcp6 };

struct alignas(4) Offload {
    bool needs_checksum = false;  // from `checksum_start` on; the field holds the sum of the pseudo header
    bool checksum_valid = false;  // somebody has looked
    bool congestion = false;      // its CWR belongs to the first segment only
    Segments segments = Segments::none;
    u16 segment_bytes = 0;  // of TCP payload in each
    u16 checksum_start = 0;
    u16 checksum_offset = 0;
    friend constexpr bool operator==(Offload const&, Offload const&) = default;

    // There is nothing to say of it.
    [[nodiscard]] constexpr bool is_plain() const {
        return !needs_checksum && !checksum_valid && segments == Segments::none;
    }
    // Whether it can be meant of a packet with so many bytes.
    [[nodiscard]] constexpr bool fits(u32 length) const {
        if (needs_checksum && u32{checksum_start} + checksum_offset + 2 > length) return false;
        return segments == Segments::none || (needs_checksum && segment_bytes != 0);
    }
    constexpr void move(int bytes) { checksum_start = static_cast<u16>(checksum_start + bytes); }
};

// What a receiver takes unfinished.
struct Abilities {
    bool checksum = false;
    bool tcp4 = false;
    bool tcp6 = false;
    bool congestion = false;

    [[nodiscard]] constexpr bool take_segments(Offload const& offload) const {
        switch (offload.segments) {
            case Segments::none: return true;
            case Segments::tcp4: return tcp4 && (congestion || !offload.congestion);
            case Segments::tcp6: return tcp6 && (congestion || !offload.congestion);
        }
        return false;
    }
};

}  // namespace antler::backend
