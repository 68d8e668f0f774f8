// One stream of a virtio socket device: where it stands, what is on its way, and what the guest has to be
// told.
#pragma once

#include "abi/virtio_vsock.hpp"
#include "device/virtio/host_streams.hpp"
#include "device/virtio/stream_buffer.hpp"

namespace antler::device::virtio {

namespace vsock = abi::virtio::vsock;

struct VsockConnection {
    using Operation = vsock::Operation;
    using Header = vsock::Header;
    using Stage = StreamState::Stage;

    // Something that the guest has to be told, by bit.
    enum Debt : u8 { nothing = 0, request = 1, response = 2, reset = 4, credit_update = 8 };

    StreamId id = 0;  // 0: free
    Stage stage = Stage::over;
    u32 host_port = 0;
    u32 guest_port = 0;
    bool host_here = false;  // somebody at the host has it
    u8 owes = nothing;

    // From the guest to the host.
    StreamBuffer to_host{};
    u32 received = 0;             // bytes, ever
    u32 told_forwarded = 0;       // as the guest knows it
    bool guest_finished = false;  // it sends nothing more

    // From the host to the guest.
    StreamBuffer to_guest{};
    u32 sent = 0;          // bytes, ever
    u32 guest_buffer = 0;  // as the guest has said last
    u32 guest_took = 0;    // of what was sent, ever, as the guest has said last
    bool asked = false;    // how much it takes, since it takes nothing
    bool guest_deaf = false;
    bool host_finished = false;
    bool host_left = false;  // it neither reads nor writes any more
    u32 told_shutdown = 0;

    [[nodiscard]] bool is_free() const { return id == 0; }
    // What the guest says about it is about this one.
    [[nodiscard]] bool is_known() const {
        return !is_free() && (stage != Stage::over || (owes & reset) != 0);
    }

    void begin(StreamId number, Stage how, u32 at_host, u32 at_guest) {
        auto const keep_in = to_host;
        auto const keep_out = to_guest;
        *this = {};
        to_host = keep_in;
        to_guest = keep_out;
        to_host.clear();
        to_guest.clear();
        id = number;
        stage = how;
        host_port = at_host;
        guest_port = at_guest;
    }

    [[nodiscard]] u32 forwarded() const { return received - to_host.size(); }
    // What the guest takes: its buffer, less what is on its way there and in it.   [virtio 5.10.6.3]
    [[nodiscard]] u32 credit() const {
        auto const there = sent - guest_took;
        return there >= guest_buffer ? 0 : guest_buffer - there;
    }
    void note_credit(Header const& header) {
        guest_buffer = header.buffer_bytes;
        guest_took = header.forwarded;
        if (credit() != 0) asked = false;
    }
    // Bytes have left the buffer; true: the guest is to be told, because it may have waited for that.
    [[nodiscard]] bool note_room(u32 buffer_bytes) {
        if (stage != Stage::open || forwarded() - told_forwarded < buffer_bytes / 2) return false;
        owes |= credit_update;
        return true;
    }

    [[nodiscard]] u32 shutdown_due() const {
        using namespace vsock;
        if (!to_guest.empty() && !guest_deaf) return 0;
        return host_left ? no_more_receiving | no_more_sending : host_finished ? no_more_sending : 0;
    }
    // The next packet for the guest.
    [[nodiscard]] Operation next() const {
        if ((owes & reset) != 0) return Operation::reset;
        if (stage == Stage::calling && (owes & request) != 0) return Operation::request;
        if (stage != Stage::open) return Operation::invalid;
        if ((owes & response) != 0) return Operation::response;
        bool const has_data = !to_guest.empty() && !guest_deaf;
        if (has_data && credit() != 0) return Operation::data;
        if ((shutdown_due() & ~told_shutdown) != 0) return Operation::shutdown;
        if ((owes & credit_update) != 0) return Operation::credit_update;
        return has_data && !asked ? Operation::credit_request : Operation::invalid;
    }
    // It was told, with what every packet tells besides.
    void was_told(Operation operation) {
        told_forwarded = forwarded();
        owes &= ~credit_update;
        if (operation == Operation::request) owes &= ~request;
        if (operation == Operation::response) owes &= ~response;
        if (operation == Operation::reset) owes = nothing;
        if (operation == Operation::shutdown) told_shutdown = shutdown_due();
        if (operation == Operation::credit_request) asked = true;
        tidy();
    }

    // The guest's end is gone, or will be when it is told.
    void end(bool tell_guest) {
        stage = Stage::over;
        owes = tell_guest ? reset : nothing;
        to_guest.clear();
        tidy();
    }
    // The host's end is gone.
    void leave(bool at_once) {
        host_here = false;
        host_left = true;
        auto const before = forwarded();
        to_host.clear();
        if (stage == Stage::open && !at_once) {
            if (forwarded() != before) owes |= credit_update;
            return;
        }
        if (stage == Stage::over) return tidy();
        // A guest that was not yet called need not be told.
        end(stage != Stage::calling || (owes & request) == 0);
    }
    // Free, once nobody has anything to do with it.
    void tidy() {
        if (stage == Stage::over && owes == nothing && !host_here) id = 0;
    }

    [[nodiscard]] StreamState state() const {
        return {.stage = stage,
                .guest_finished = guest_finished,
                .readable = to_host.size(),
                .writable = stage == Stage::over ? 0 : to_guest.room(),
                .host_port = host_port,
                .guest_port = guest_port};
    }
};

}  // namespace antler::device::virtio
