// A driver of a virtio socket device on mmio: packets in both directions.
#pragma once

#include <optional>
#include <span>

#include "abi/virtio_transport.hpp"
#include "abi/virtio_vsock.hpp"
#include "guests/lib/devices.hpp"
#include "guests/lib/guest.hpp"

namespace antler::guests {

using abi::virtio::vsock::Header;
using abi::virtio::vsock::Operation;

class Socket {
public:
    static constexpr u16 entries = 16;
    static constexpr u32 buffer_bytes = 4096;
    static constexpr u32 most_data = buffer_bytes - sizeof(Header);

    // The first there is; gives up when there is none.
    Socket();

    [[nodiscard]] u32 cid() const { return load<u32>(base_ + 0x100); }

    struct Packet {
        Header header;
        std::span<u8 const> data;
    };
    // The next packet that came, if there is one; it stays until the next call.
    [[nodiscard]] std::optional<Packet> receive();
    // At most most_data bytes; waits for a buffer.  The header goes as it is.
    void send(Header const& header, std::span<u8 const> data = {});
    // The same from a buffer of any length, right or not.
    void send_raw(std::span<u8 const> bytes, std::span<u8 const> more = {});
    // Returns when a packet may have come; at the time `until` at the latest.
    void wait(u64 until);
    // A device that broke, or that we broke, says so.
    [[nodiscard]] bool needs_reset() const { return (load<u32>(base_ + 0x070) & 64) != 0; }

private:
    struct Queue {
        abi::virtio::Descriptor* table{};
        u16 volatile* available{};  // flags, index, ring
        u16 volatile* used{};       // flags, index, ring of pairs of u32
        u64 buffers{};
        u16 posted = 0;
        u16 taken = 0;
        [[nodiscard]] u16 used_index() const { return used[1]; }
    };
    void set_up(Queue& queue, u32 number);
    void post(Queue& queue, u16 entry) const;
    void set_reg(u32 at, u32 value) const { store<u32>(base_ + at, value); }

    u64 base_ = 0;
    u32 source_ = 0;
    Wires wires_;
    Queue receive_{};
    Queue transmit_{};
    bool holds_ = false;  // the packet that receive() gave last
    u16 held_ = 0;
};

}  // namespace antler::guests
