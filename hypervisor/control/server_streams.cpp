// Streams between guests and the client: what it asks of them, and what it is told.
#include "control/server_emit.hpp"

namespace antler::control {

using device::virtio::StreamState;
using wire::Status;
using wire::Type;

template <class Handler>
void Server::with_stream(u32 number, Handler&& handler) {
    streams_changed_ = true;
    for (auto& stream : streams_)
        if (number != 0 && stream.number == number) return std::forward<Handler>(handler)(stream);
    reply({Status::not_found});
}

ClientStream* Server::free_stream() {
    auto const found = std::ranges::find(streams_, u32{0}, &ClientStream::number);
    return found == streams_.end() ? nullptr : &*found;
}

void Server::stream(Type type) {
    if (type == Type::vsock_connect) return with<wire::VsockConnect>([&](auto const& m) { call_guest(m); });
    if (type == Type::vsock_listen)
        return with<wire::VsockListen>([&](auto const& m) {
            streams_changed();
            if (m.on && !ports_.add(m.port)) return reply({Status::no_memory, "it listens at enough ports"});
            if (!m.on) ports_.remove(m.port);
            reply({});
        });
    if (type == Type::vsock_accept)
        return with<wire::VsockAccept>([&](auto const& m) {
            with_stream(m.stream, [&](ClientStream& stream) {
                if (stream.stage != ClientStream::Stage::offered) return reply({Status::bad_state});
                operations_.accept_stream(stream.at);
                stream.stage = ClientStream::Stage::open;
                stream.credit = m.room;
                reply({});
            });
        });
    if (type == Type::vsock_data)
        return with<wire::VsockData>([&](auto const& m) {
            with_stream(m.stream, [&](ClientStream& stream) {
                if (stream.stage != ClientStream::Stage::open) return reply({Status::bad_state});
                auto const some = m.bytes.first(std::min<usize>(m.bytes.size(), stream.granted));
                auto const count = operations_.write_stream(stream.at, some);
                stream.granted -= count;
                reply_with(wire::Accepted{count});
            });
        });
    if (type == Type::vsock_credit)
        return with<wire::VsockCredit>([&](auto const& m) {
            with_stream(m.stream, [&](ClientStream& stream) {
                stream.credit += std::min(m.bytes, ~u32{0} - stream.credit);
                reply({});
            });
        });
    with<wire::VsockStream>([&](auto const& m) {
        with_stream(m.stream, [&](ClientStream& stream) {
            if (type == Type::vsock_finish) {
                operations_.finish_stream(stream.at);
            } else {
                operations_.close_stream(stream.at, false);
                stream = {};
            }
            reply({});
        });
    });
}

// The answer waits for the guest's, and other requests do not.
void Server::call_guest(wire::VsockConnect const& message) {
    with_vm(message.vm, [&](u32 id) {
        auto* const stream = free_stream();
        if (stream == nullptr) return reply({Status::no_memory, "it has as many streams as can be"});
        StreamPlace at;
        auto const outcome = operations_.call_guest(id, message.port, at);
        if (outcome.status != Status::ok) return reply(outcome);
        *stream = {.number = ++streams_made_,
                   .at = at,
                   .stage = ClientStream::Stage::calling,
                   .credit = message.room,
                   .sequence = request_->header.sequence,
                   .deadline = last_byte_ + call_patience};
        streams_changed_ = true;
        request_.reset();
    });
}

void Server::forget_streams() {
    for (auto& stream : streams_) {
        if (stream.number != 0) operations_.close_stream(stream.at, true);
        stream = {};
    }
    ports_ = {};
}

Nanos Server::next_deadline(Nanos now) const {
    auto next = never;
    for (auto const& stream : streams_)
        if (stream.number != 0 && stream.stage == ClientStream::Stage::calling)
            next = std::min(next, stream.deadline > now ? stream.deadline - now : soon);
    return next;
}

// One thing of one stream, each in its turn.
bool Server::tell_stream(Nanos now) {
    if (!streams_changed_) return false;
    if (offer_stream()) return true;
    for (u32 i = 0; i < most_streams; ++i) {
        auto& stream = streams_[next_stream_];
        next_stream_ = (next_stream_ + 1) % most_streams;
        if (stream.number != 0 && tell(stream, now)) return true;
    }
    streams_changed_ = false;
    return false;
}

bool Server::offer_stream() {
    auto* const stream = calls_wait_ && !ports_.empty() ? free_stream() : nullptr;
    if (stream == nullptr) return false;
    auto const call = operations_.take_call(ports_);
    calls_wait_ = call.has_value();
    if (!call) return false;
    auto const room = operations_.stream_state(call->at).writable;
    *stream = {
        .number = ++streams_made_, .at = call->at, .stage = ClientStream::Stage::offered, .granted = room};
    event(Type::event_vsock_incoming,
          wire::VsockIncoming{stream->number, call->cid, call->guest_port, call->port, call->vm, room});
    return true;
}

bool Server::tell_call(ClientStream& stream, StreamState const& state, Nanos now) {
    auto const answer = [&](auto const& body) {
        emit(wire::Kind::reply, Type::vsock_connect, stream.sequence, 0, body);
    };
    if (state.stage == StreamState::Stage::open) {
        stream.stage = ClientStream::Stage::open;
        stream.granted = state.writable;
        answer(wire::ReplyWith<wire::VsockOpened>{{}, {stream.number, state.writable, state.host_port}});
        return true;
    }
    bool const refused = state.stage == StreamState::Stage::over;
    if (!refused && now < stream.deadline) return false;
    operations_.close_stream(stream.at, true);
    stream = {.sequence = stream.sequence};
    answer(wire::Reply{Status::failed,
                       refused ? "nobody listens at that port of the guest" : "the guest does not answer"});
    return true;
}

bool Server::tell(ClientStream& stream, Nanos now) {
    auto const state = operations_.stream_state(stream.at);
    bool const over = state.stage == StreamState::Stage::over;
    if (stream.stage == ClientStream::Stage::calling) return tell_call(stream, state, now);
    if (stream.stage == ClientStream::Stage::open && state.readable != 0) {
        std::array<u8, stream_piece> bytes;
        auto const most = std::min<usize>(bytes.size(), stream.credit);
        if (most == 0) return false;  // what comes behind it waits too
        auto const count = operations_.read_stream(stream.at, std::span{bytes}.first(most));
        stream.credit -= count;
        event(Type::event_vsock_data, wire::VsockData{stream.number, std::span{bytes}.first(count)});
        return true;
    }
    if (over) {
        operations_.close_stream(stream.at, true);
        event(Type::event_vsock_closed, wire::VsockClosed{stream.number, false});
        stream = {};
        return true;
    }
    if (state.guest_finished && !stream.told_finished) {
        stream.told_finished = true;
        event(Type::event_vsock_finished, wire::VsockStream{stream.number});
        return true;
    }
    // Told when it is worth a frame, or when the client has nothing left.
    constexpr u32 worth = 2'048;
    auto const more = state.writable > stream.granted ? state.writable - stream.granted : 0;
    if (stream.stage != ClientStream::Stage::open || more == 0 || (more < worth && stream.granted != 0))
        return false;
    stream.granted += more;
    event(Type::event_vsock_credit, wire::VsockCredit{stream.number, more});
    return true;
}

}  // namespace antler::control
