// A virtio network card of the board, at the uplink of a switch.   [virtio 5.1]
#pragma once

#include <array>

#include "backend/segments.hpp"
#include "backend/switch.hpp"
#include "base/locked.hpp"
#include "platform/interrupt_table.hpp"
#include "platform/virtio_device.hpp"

namespace antler::platform {

// What comes is sent into the switch by the hart that is interrupted; what goes is copied into buffers of the
// card by the hart that sends it, or by the interrupt that frees buffers.  What the card does not do is done
// before.
class VirtioNet final : public InterruptHandler, public backend::Receiver {
public:
    static constexpr u16 entries = 64;
    static constexpr u32 buffer_bytes = 2048;
    // Zeroed, page-aligned house memory.
    [[nodiscard]] static constexpr u64 memory_bytes() {
        return 2 * (queue_room() + u64{entries} * buffer_bytes);
    }

    VirtioNet(VirtioTransport& transport, std::span<u8> memory)
        : transport_{transport}, memory_{memory}, device_{transport} {}

    [[nodiscard]] Result<void> open(backend::Switch& where);
    [[nodiscard]] backend::Port* port() { return port_; }

    void interrupted() override;
    void packets_wait() override { transmit(); }

private:
    static constexpr u16 receive_queue = 0, send_queue = 1;
    static constexpr u32 most_pieces = 34;  // of the largest packet
    static constexpr u32 budget = 4 * entries;

    // In front of every packet.   [virtio 5.1.6]
    struct alignas(4) Header {
        u8 flags = 0, segments = 0;
        u16 header_bytes = 0, segment_bytes = 0, checksum_start = 0, checksum_offset = 0, buffers = 0;
    };
    static_assert(sizeof(Header) == 12);
    // So that the frame behind the header is aligned.
    static constexpr u32 header_offset = 4;
    static constexpr u32 frame_offset = header_offset + sizeof(Header);
    static constexpr u32 frame_room = buffer_bytes - frame_offset;

    struct Sending {
        DriverQueue queue{};
        std::array<u8, entries> free{};  // buffers, `free_count` of them
        u32 free_count = 0;
        std::array<u8, entries> pieces{};  // of the chain that begins with a buffer
        std::array<u8, entries> next{};    // the buffer behind this one in its chain
        std::optional<backend::Segmenter> segmenter{};
    };
    struct Receiving {
        DriverQueue queue{};
    };

    [[nodiscard]] static constexpr u64 queue_room() {
        return (DriverQueue::memory_bytes(entries) + page_bytes - 1) & ~(page_bytes - 1);
    }
    [[nodiscard]] u8* buffer(u16 queue, u32 index) const {
        return memory_.data() + 2 * queue_room() + (u64{queue} * entries + index) * buffer_bytes;
    }

    void receive();
    void offer(DriverQueue& queue, u32 index);
    void deliver(u8* packet, u32 bytes, backend::Wakes& wakes);
    void transmit();
    // False: no buffers.
    [[nodiscard]] bool put_packet(Sending& sending, backend::PacketQueue::Slot const& packet);
    [[nodiscard]] bool put_segments(Sending& sending, backend::PacketQueue::Slot const& packet);
    void add(Sending& sending, std::span<u8 const> buffers, u32 last_bytes);
    void take_back(Sending& sending);
    void read_link();

    VirtioTransport& transport_;
    std::span<u8> memory_;
    VirtioDevice device_;
    backend::Abilities does_{};
    backend::Port* port_ = nullptr;
    Locked<Sending, Rank::cards> sending_{};
    Locked<Receiving, Rank::cards> receiving_{};
};

}  // namespace antler::platform
