// A driver of a virtio network card on mmio, with split rings and event indices.
#pragma once

#include <array>
#include <cstring>
#include <span>

#include "guests/lib/devices.hpp"
#include "guests/lib/guest.hpp"

namespace antler::guests {

using Mac = std::array<u8, 6>;

// Before each frame.   [virtio 5.1.6]
struct PacketHeader {
    u8 flags = 0, segments = 0;
    u16 header_bytes = 0, segment_bytes = 0, checksum_start = 0, checksum_offset = 0, buffers = 0;
};
inline constexpr u8 needs_checksum = 1, data_valid = 2, tcp4_segments = 1;

namespace feature {
inline constexpr u64 checksum = u64{1} << 0, guest_checksum = u64{1} << 1, mtu = u64{1} << 3,
                     mac = u64{1} << 5, host_tcp4 = u64{1} << 11, merged_buffers = u64{1} << 15,
                     status = u64{1} << 16, event_index = u64{1} << 29, version_1 = u64{1} << 32;
}

// Time in this guest's own instructions, and how often it left them.
struct Effort {
    u64 own = 0;
    u64 since = 0;
    u64 exits = 0;
    void begin() { since = now(); }
    void end() { own += now() - since; }
    // Something that leaves the guest.
    template <class Body>
    decltype(auto) leaving(Body&& body) {
        end();
        ++exits;
        struct Back {
            Effort& effort;
            ~Back() { effort.begin(); }
        } const back{*this};
        return body();
    }
};

class Card {
public:
    static constexpr u32 entries = 256;
    static constexpr u32 buffer_bytes = 2048;
    static constexpr u32 header_bytes = sizeof(PacketHeader);
    // So that a frame's IP header is aligned.
    static constexpr u32 frame_offset = 18;

    // The first network card there is; gives up when there is none.
    explicit Card(u64 wanted);

    [[nodiscard]] Mac const& mac() const { return mac_; }
    // From now on it sends under another address.
    void pretend(Mac const& other) { mac_ = other; }
    [[nodiscard]] bool has(u64 what) const { return (features_ & what) != 0; }
    [[nodiscard]] bool has_link() const;
    Effort effort{};

    // Room for a frame of up to 2,000 bytes; null: all are under way.
    [[nodiscard]] u8* room();
    // Sends what was written there, when kick() is called at the latest.
    void push(u32 length, PacketHeader const& header = {});
    // More bytes than one buffer has, from memory that stays until they are sent.
    void push_large(std::span<u8 const> frame, PacketHeader const& header);
    void kick();

    // The next frame that came, if there is one; it stays until the next call.
    struct Received {
        PacketHeader header;
        std::span<u8 const> frame;  // of its first buffer
        u32 length = 0;             // in all
    };
    [[nodiscard]] std::optional<Received> receive();
    // Returns when a frame may have come; at the time `until` at the latest.
    void wait(u64 until);

private:
    struct Descriptor {
        u64 address;
        u32 bytes;
        u16 flags, next;
    };
    struct Queue {
        Descriptor* table{};
        u16 volatile* available{};  // flags, index, ring, used_event
        u16 volatile* used{};       // flags, index, ring of pairs of u32, avail_event
        u64 buffers{};
        u16 posted = 0;  // index that the device was told
        u16 told = 0;    // of it, at the last kick
        u16 taken = 0;   // of what the device has used
        [[nodiscard]] u16 used_index() const { return used[1]; }
        [[nodiscard]] std::array<u32, 2> used_entry(u16 n) const {
            auto const* const ring = reinterpret_cast<u32 const volatile*>(const_cast<u16 const*>(used) + 2);
            return {ring[n % entries * 2], ring[n % entries * 2 + 1]};
        }
        void publish(u16 index) const {
            asm volatile("fence rw, w" ::: "memory");
            const_cast<u16 volatile*>(available)[1] = index;
        }
        void call_me_at(u16 index) const { const_cast<u16 volatile*>(available)[2 + entries] = index; }
    };

    void set_up(Queue& queue, u32 number);
    void notify(Queue& queue, u32 number);
    void repost();
    [[nodiscard]] u32 reg(u32 at) const { return load<u32>(base_ + at); }
    void set_reg(u32 at, u32 value) const { store<u32>(base_ + at, value); }

    u64 base_ = 0;
    u32 source_ = 0;
    Wires wires_;
    u64 features_ = 0;
    Mac mac_{};
    Queue receive_{};
    Queue send_{};
    std::array<u16, 64> held_{};  // buffers of the frame that was received last
    u32 held_count_ = 0;
};

}  // namespace antler::guests
