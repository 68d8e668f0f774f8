// Answers requests of the control channel, and sends it what consoles say and what happened.
#pragma once

#include <array>
#include <optional>

#include "abi/control.hpp"
#include "backend/outward.hpp"
#include "base/units.hpp"
#include "control/channel.hpp"
#include "control/operations.hpp"

namespace antler::control {

// Called by one hart at a time, and never waits: what cannot be said now is said at the next call, and no
// request is taken while there is no room for its answer.
class Server {
public:
    // `channel` is its number among the channels, below backend::most_channels.
    Server(Operations& operations, backend::LockedOutward& outward, u32 channel = 0)
        : operations_{operations}, outward_{outward}, channel_{channel} {}
    Server(Server const&) = delete;
    Server& operator=(Server const&) = delete;

    static constexpr Nanos never{~u64{0}};

    // A bounded amount of work; returns how much later it wants to be called again, unless something happens.
    [[nodiscard]] Nanos work(Channel& channel, Nanos now);

    [[nodiscard]] u64 garbage() const { return finder_.garbage(); }
    [[nodiscard]] PortSet const& ports() const { return ports_; }
    // Something has happened to streams of guests.
    void streams_changed() { streams_changed_ = calls_wait_ = true; }

private:
    static constexpr usize out_bytes = 16'384;
    static constexpr usize longest_frame = 4'096;  // of ours
    static constexpr usize panic_piece = 2'048;
    static constexpr usize console_piece = 1'024;
    static constexpr u32 create_window = 32'768;
    static constexpr usize stream_piece = 1'024;
    static constexpr u32 most_streams = 32;
    static constexpr Nanos call_patience{5'000'000'000};
    static constexpr u32 frames_a_call = 16;
    static constexpr Nanos soon{1'000'000};
    static constexpr Nanos patience{wire::FrameFinder<>::patience_milliseconds * 1'000'000};

    // A request that answers with items, one a step.
    struct Listing {
        wire::Type type{};
        u32 vm = 0;
        u32 stage = 0;
        u32 next = 0;
        TextBuffer<32> name{};
    };

    // channel.cpp's business: bytes
    void take_in(Channel& channel, Nanos now);
    bool give_out(Channel& channel);
    [[nodiscard]] usize room() const { return out_bytes - (out_tail_ - out_head_); }
    void forget_client();

    template <wire::Message M>
    void emit(wire::Kind kind, wire::Type type, u32 sequence, u16 flags, M const& message);
    template <wire::Message M>
    void event(wire::Type type, M const& message) {
        emit(wire::Kind::event, type, event_sequence_++, 0, message);
    }
    template <wire::Message M>
    void item(wire::Type type, M const& message) {
        emit(wire::Kind::reply, type, request_->header.sequence, wire::flag::more, message);
    }
    void reply(Outcome const& outcome);
    template <wire::Message M>
    void reply_with(M const& body);

    bool step(Channel& channel, Nanos now);
    void answer();
    template <wire::Message M, class Handler>
    void with(Handler&& handler);
    template <class Handler>
    void with_vm(std::string_view name, Handler&& handler);

    void hello(wire::Hello const& message);
    void begin_list(Listing const& listing);
    void list_step();
    bool list_item(Listing& listing);
    void end_list(Listing const& listing);
    void create(wire::Type type);
    void tell_progress(u64 before);
    void console(wire::Type type);
    void open_console(wire::ConsoleOpen const& message);
    void console_input(wire::ConsoleInput const& message);
    void console_window(wire::ConsoleWindow const& message);
    void read_dump(wire::ReadPanicDump const& message);
    void stream(wire::Type type);
    void call_guest(wire::VsockConnect const& message);
    template <class Handler>
    void with_stream(u32 number, Handler&& handler);
    [[nodiscard]] ClientStream* free_stream();
    void forget_streams();

    bool tell_event();
    bool tell_console();
    bool tell_stream(Nanos now);
    bool offer_stream();
    bool tell(ClientStream& stream, Nanos now);
    bool tell_call(ClientStream& stream, device::virtio::StreamState const& state, Nanos now);
    [[nodiscard]] Nanos next_deadline(Nanos now) const;

    Operations& operations_;
    backend::LockedOutward& outward_;
    u32 channel_;
    wire::FrameFinder<> finder_{};
    std::optional<wire::Frame> request_{};  // its payload is in the finder, which waits meanwhile
    std::optional<Listing> listing_{};
    std::array<u8, longest_frame> frame_{};
    std::array<u8, out_bytes> out_{};
    usize out_head_ = 0;  // both count on for ever
    usize out_tail_ = 0;
    bool was_connected_ = false;
    bool heard_ = false;  // a console, at this call
    bool greeted_ = false;
    u32 event_sequence_ = 0;
    Nanos last_byte_{};
    u32 transfer_ = 0;  // the one that is open
    u32 transfers_ = 0;
    u64 transfer_total_ = 0;
    u64 transfer_received_ = 0;
    PortSet ports_{};  // that the client listens at
    std::array<ClientStream, most_streams> streams_{};
    u32 streams_made_ = 0;
    u32 next_stream_ = 0;           // whose turn it is
    bool streams_changed_ = false;  // there may be something to say of them
    bool calls_wait_ = false;       // perhaps, of guests at our ports
    bool streams_first_ = false;    // before consoles
};

}  // namespace antler::control
