// Finishes what a sender left to its card: checksums, and large TCP packets cut into frames.
#pragma once

#include <array>
#include <optional>

#include "backend/packet_queue.hpp"

namespace antler::backend {

// Computes the checksum that the packet lacks, in place.
void finish_checksum(PacketQueue::Slot const& packet);

// The frames of one large TCP packet.
class Segmenter {
public:
    static constexpr u32 most_header_bytes = 256;
    static constexpr u32 headroom_bytes = PacketQueue::headroom_bytes;
    static constexpr u32 most_segments = 128;  // a packet that wants more is no reasonable one

    // Nothing when the packet is not what its sender says.
    [[nodiscard]] static std::optional<Segmenter> of(PacketQueue::Slot const& packet);

    // A frame: a header of its own and a stretch of the packet.
    struct Piece {
        std::span<u8> header;  // until the next call; the receiver has the headroom in front of it
        u32 payload_at;        // in the packet
        u32 payload_bytes;
        [[nodiscard]] u32 length() const { return static_cast<u32>(header.size()) + payload_bytes; }
    };
    [[nodiscard]] std::optional<Piece> next(PacketQueue::Slot const& packet);

    [[nodiscard]] u32 count() const { return count_; }

private:
    Segmenter() = default;
    std::array<u8, most_header_bytes> original_{};
    alignas(8) std::array<u8, headroom_bytes + most_header_bytes> header_{};
    u32 network_ = 0;    // where the IP header begins
    u32 transport_ = 0;  // and the TCP header
    u32 header_bytes_ = 0;
    u32 payload_bytes_ = 0;  // in all
    u32 segment_bytes_ = 0;
    u32 count_ = 0;
    u32 index_ = 0;
    bool version6_ = false;
};

}  // namespace antler::backend
