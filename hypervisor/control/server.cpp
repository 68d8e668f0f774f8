// The server's turns: bytes in, one step after the other, bytes out.
#include "control/server.hpp"

#include "control/server_emit.hpp"

namespace antler::control {

using wire::Status;
using wire::Type;

Nanos Server::work(Channel& channel, Nanos now) {
    if (!channel.connected()) {
        if (was_connected_) forget_client();
        was_connected_ = false;
        return never;
    }
    was_connected_ = true;
    heard_ = false;
    auto const deadline = next_deadline(now);
    if (deadline != never) streams_changed_ = true;
    bool moved = give_out(channel);
    bool more = true;
    for (u32 steps = 0; more && steps < frames_a_call; ++steps) {
        more = step(channel, now);
        moved = give_out(channel) || moved;
    }
    if (more || (moved && out_tail_ != out_head_)) return soon;
    // Whoever talks is not heard byte by byte: a turn after the last one heard, we rest, and are told.
    if (heard_ || !outward_.with([&](backend::Outward& outward) { return outward.hub.rest(channel_); }))
        return out_tail_ == out_head_ ? soon : Nanos{10 * soon.n};
    // Nobody tells us when the other side has made room, or when an answer is ready.
    if (out_tail_ != out_head_ || request_) return Nanos{10 * soon.n};
    return std::min(finder_.waits() ? patience : never, next_deadline(now));
}

// True: something was done, and there may be more to do.
bool Server::step(Channel& channel, Nanos now) {
    take_in(channel, now);
    if (room() < longest_frame) return false;
    if (listing_) {
        list_step();
        return true;
    }
    if (!request_) request_ = finder_.next();
    if (!request_ && finder_.waits() && now - last_byte_ >= patience) {
        finder_.give_up();  // what has begun there never ends; perhaps a frame is behind it
        return true;
    }
    if (request_) {
        answer();
        if (!request_ || listing_) return true;  // it is answered, or will be item by item
    }
    if (tell_event()) return true;
    streams_first_ = !streams_first_;  // who talks much does not silence the others
    return streams_first_ ? tell_stream(now) || tell_console() : tell_console() || tell_stream(now);
}

void Server::take_in(Channel& channel, Nanos now) {
    // The finder's buffer holds the request that is being answered.
    if (request_) return;
    std::array<u8, 512> bytes{};
    for (;;) {
        auto const wanted = std::min(finder_.room(), bytes.size());
        if (wanted == 0) return;
        auto const count = channel.receive(std::span{bytes}.first(wanted));
        if (count == 0) break;
        (void)finder_.feed(std::span{bytes}.first(count));
        last_byte_ = now;
    }
}

bool Server::give_out(Channel& channel) {
    bool moved = false;
    while (out_head_ != out_tail_) {
        auto const at = out_head_ % out_bytes;
        auto const count = std::min(out_tail_ - out_head_, out_bytes - at);
        auto const taken = channel.send(std::span{out_}.subspan(at, count));
        out_head_ += taken;
        moved = moved || taken != 0;
        if (taken != count) break;
    }
    return moved;
}

void Server::forget_client() {
    if (transfer_ != 0) operations_.create_abort();
    transfer_ = 0;
    request_.reset();
    listing_.reset();
    finder_.clear();
    forget_streams();
    out_head_ = out_tail_;
    greeted_ = false;
    outward_.with([&](backend::Outward& outward) {
        outward.hub.unwatch_all(channel_);
        outward.events[channel_].subscribe(0);
    });
}

void Server::reply(Outcome const& outcome) {
    if (outcome.again) return;  // the request stays, and is asked again at the next call
    auto const sentence = outcome.sentence.empty() && outcome.status != Status::ok
                              ? wire::describe(outcome.status)
                              : outcome.sentence;
    emit(wire::Kind::reply, static_cast<Type>(request_->header.type), request_->header.sequence, 0,
         wire::Reply{outcome.status, sentence});
    request_.reset();
}

bool Server::tell_event() {
    auto const [event, lost] = outward_.with([&](backend::Outward& outward) {
        auto& events = outward.events[channel_];
        return std::pair{events.pop(), events.take_lost()};
    });
    if (lost != 0) this->event(Type::event_lost, wire::EventsLost{lost});
    if (!event) return lost != 0;
    auto const& e = *event;
    if (e.type == Type::event_vm_state)
        this->event(e.type, wire::VmStateChanged{e.id, e.before, e.now, e.name.view(), e.sentence.view()});
    if (e.type == Type::event_hart_stuck)
        this->event(e.type,
                    wire::HartStuck{e.id, e.number, e.at, e.pc, e.name.view(), e.own_pc, e.own_caller});
    if (e.type == Type::event_log) this->event(e.type, wire::LogLine{e.at, e.sentence.view()});
    if (e.type == Type::event_create_progress)
        this->event(e.type, wire::CreateProgress{e.id, e.at, e.number});
    return true;
}

// One piece of one console, each in its turn.
bool Server::tell_console() {
    std::array<u8, console_piece> bytes{};
    u32 handle = 0;
    backend::ScrollBack::Piece piece;
    std::optional<bool> owner;
    bool const any = outward_.with([&](backend::Outward& outward) {
        auto* const console = outward.hub.next_unheard(channel_);
        if (console == nullptr) return false;
        handle = console->handle;
        if (console->ears[channel_].owner_changed) {
            owner = console->owner == backend::owner_of(channel_);
            outward.hub.owner_told(*console, channel_);
        }
        piece = outward.hub.hear(*console, channel_, bytes);
        return true;
    });
    if (!any) return false;
    heard_ = true;
    if (owner) event(Type::event_console_owner, wire::ConsoleOwner{handle, *owner});
    if (piece.size != 0)
        event(Type::event_console_output,
              wire::ConsoleOutput{handle, piece.position, std::span{bytes}.first(piece.size)});
    return true;
}

}  // namespace antler::control
