// How the server's files put a frame into its way out.
#pragma once

#include "control/server.hpp"

namespace antler::control {

template <wire::Message M>
void Server::emit(wire::Kind kind, wire::Type type, u32 sequence, u16 flags, M const& message) {
    auto const frame = wire::encode_frame(
        frame_, {.kind = kind, .type = static_cast<u16>(type), .sequence = sequence, .flags = flags},
        message);
    if (frame.size() > room()) return;  // nobody asks for that: there is room for the longest
    for (auto const byte : frame) out_[out_tail_++ % out_bytes] = byte;
}

template <wire::Message M>
void Server::reply_with(M const& body) {
    emit(wire::Kind::reply, static_cast<wire::Type>(request_->header.type), request_->header.sequence, 0,
         wire::ReplyWith<M>{{}, body});
    request_.reset();
}

// Hands the request's payload to the handler, or answers that it is none.
template <wire::Message M, class Handler>
void Server::with(Handler&& handler) {
    M message;
    if (!wire::decode(message, request_->payload)) return reply({wire::Status::bad_request});
    std::forward<Handler>(handler)(message);
}

template <class Handler>
void Server::with_vm(std::string_view name, Handler&& handler) {
    auto const id = operations_.find_vm(name);
    if (!id) return reply({wire::Status::no_such_vm});
    std::forward<Handler>(handler)(*id);
}

}  // namespace antler::control
