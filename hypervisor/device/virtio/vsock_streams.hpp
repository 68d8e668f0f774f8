// The streams of a virtio socket device, as the host holds their other ends.
#pragma once

#include <array>
#include <span>

#include "base/ring.hpp"
#include "device/virtio/vsock_connection.hpp"

namespace antler::device::virtio {

struct VsockOptions {
    u32 cid = 0;
    StreamId first_stream = 1;
};

// The device behind it hears the guest and speaks to it.
class VsockStreams : public HostStreams {
public:
    static constexpr u32 most_connections = 16;
    static constexpr u32 buffer_bytes = 8 * 1024;  // of a connection, in each direction
    static constexpr u32 memory_bytes = 2 * most_connections * buffer_bytes;

    // `buffers` has memory_bytes.
    VsockStreams(VsockOptions const& options, std::span<u8> buffers)
        : cid_{options.cid}, next_id_{options.first_stream} {
        for (auto& one : connections_) {
            one.to_host.use(buffers.first(buffer_bytes));
            one.to_guest.use(buffers.subspan(buffer_bytes, buffer_bytes));
            buffers = buffers.subspan(2 * buffer_bytes);
        }
    }

    [[nodiscard]] u32 cid() const override { return cid_; }

    [[nodiscard]] std::optional<StreamId> call(u32 port) override {
        auto* const one = runs() ? free_connection() : nullptr;
        if (one == nullptr) return std::nullopt;
        do {
            next_port_ = next_port_ == last_port ? first_port : next_port_ + 1;
        } while (find(next_port_, port) != nullptr);
        one->begin(next_id_++, Stage::calling, next_port_, port);
        one->host_here = true;
        one->owes = VsockConnection::request;
        wake();
        return one->id;
    }
    [[nodiscard]] std::optional<Knock> knock(u32 n) const override {
        for (auto const& one : connections_) {
            if (one.is_free() || one.stage != Stage::knocking || one.host_here || n-- != 0) continue;
            return Knock{one.id, one.host_port, one.guest_port};
        }
        return std::nullopt;
    }
    void take(StreamId stream) override {
        if (auto* const one = by_id(stream); one != nullptr && one->stage == Stage::knocking)
            one->host_here = true;
    }
    void refuse(StreamId stream) override {
        auto* const one = by_id(stream);
        if (one == nullptr || one->stage != Stage::knocking || one->host_here) return;
        ++refused_;
        one->end(true);
        wake();
    }
    void accept(StreamId stream) override {
        auto* const one = by_id(stream);
        if (one == nullptr || one->stage != Stage::knocking) return;
        ++connections_made_;
        one->stage = Stage::open;
        one->owes = VsockConnection::response;
        wake();
    }
    [[nodiscard]] StreamState state(StreamId stream) const override {
        for (auto const& one : connections_)
            if (!one.is_free() && one.id == stream) return one.state();
        return {};
    }
    [[nodiscard]] u32 read(StreamId stream, std::span<u8> into) override {
        auto* const one = by_id(stream);
        if (one == nullptr) return 0;
        auto const count = one->to_host.read(into);
        if (one->note_room(buffer_bytes)) wake();
        return count;
    }
    [[nodiscard]] u32 write(StreamId stream, std::span<u8 const> bytes) override {
        auto* const one = by_id(stream);
        if (one == nullptr || one->stage != Stage::open || one->host_finished) return 0;
        // Nobody will ever read it, and whoever writes hears of that otherwise.
        if (one->guest_deaf) return static_cast<u32>(bytes.size());
        auto const count = one->to_guest.write(bytes);
        if (count != 0) wake();
        return count;
    }
    void finish(StreamId stream) override {
        auto* const one = by_id(stream);
        if (one == nullptr || one->stage != Stage::open) return;
        one->host_finished = true;
        wake();
    }
    void close(StreamId stream, bool at_once) override {
        auto* const one = by_id(stream);
        if (one == nullptr) return;
        if (one->stage == Stage::knocking) ++refused_;
        one->leave(at_once);
        wake();
    }

protected:
    using Stage = StreamState::Stage;

    // A packet that belongs to no stream, and is answered by a reset.
    struct Stray {
        u32 cid, cid_high;
        u32 host_port, guest_port;
        u16 type;
    };

    ~VsockStreams() = default;
    // The device has something to say to the guest.
    virtual void wake() = 0;
    // The driver has started it.
    [[nodiscard]] virtual bool runs() const = 0;

    [[nodiscard]] VsockConnection* by_id(StreamId stream) {
        for (auto& one : connections_)
            if (!one.is_free() && one.id == stream) return &one;
        return nullptr;
    }
    [[nodiscard]] VsockConnection* find(u32 host_port, u32 guest_port) {
        for (auto& one : connections_)
            if (one.is_known() && one.host_port == host_port && one.guest_port == guest_port) return &one;
        return nullptr;
    }
    // A guest that does not end what the host has left loses it when there is no other.
    [[nodiscard]] VsockConnection* free_connection() {
        for (auto& one : connections_)
            if (one.is_free()) return &one;
        for (auto& one : connections_) {
            if (one.stage != Stage::open || !one.host_left || strays_.full()) continue;
            static_cast<void>(
                strays_.push({vsock::host_cid, 0, one.host_port, one.guest_port, vsock::type_stream}));
            one.end(false);
            return &one;
        }
        return nullptr;
    }

    u32 cid_;
    StreamId next_id_;
    std::array<VsockConnection, most_connections> connections_{};
    Ring<Stray, 16> strays_{};
    u64 connections_made_ = 0;
    u64 refused_ = 0;

private:
    // Ports of the host's own that streams to guests come from.
    static constexpr u32 first_port = 1u << 30, last_port = (1u << 31) - 1;

    u32 next_port_ = last_port;
};

}  // namespace antler::device::virtio
