// Bytes between sockets and streams; nothing here waits for either.
#include "cli/vsock_streams.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace antler::cli {
namespace {

using wire::Type;

constexpr u32 piece = 4'096;  // of one message

bool would_wait() {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

void VsockStreams::join(u32 stream, u32 room, Descriptor socket, std::string said) {
    auto& one = streams_[stream];
    one.socket = std::move(socket);
    one.room = room;
    one.to_guest = std::move(said);
    talk(stream, one);
}

void VsockStreams::hear(Said const& said) {
    auto const with = [&](u32 stream, auto&& body) {
        auto const found = streams_.find(stream);
        if (found == streams_.end()) return;
        body(found->second);
        write(found->second);
        talk(stream, found->second);
        if (end(stream, found->second)) streams_.erase(found);
    };
    if (said.header.kind != wire::Kind::event) return;
    if (said.type() == Type::event_vsock_data) {
        auto const data = said.as<wire::VsockData>();
        with(data.stream, [&](Joined& one) { one.to_socket.append(data.bytes.begin(), data.bytes.end()); });
    } else if (said.type() == Type::event_vsock_credit) {
        auto const credit = said.as<wire::VsockCredit>();
        with(credit.stream, [&](Joined& one) { one.room += credit.bytes; });
    } else if (said.type() == Type::event_vsock_finished) {
        with(said.as<wire::VsockStream>().stream, [](Joined& one) { one.guest_ended = true; });
    } else if (said.type() == Type::event_vsock_closed) {
        with(said.as<wire::VsockClosed>().stream, [](Joined& one) { one.guest_gone = true; });
    }
}

void VsockStreams::add_to(std::vector<pollfd>& waiting) const {
    for (auto const& [stream, one] : streams_) {
        short events = 0;
        if (!one.socket_ended && one.to_guest.empty() && one.room != 0) events |= POLLIN;
        if (!one.to_socket.empty()) events |= POLLOUT;
        waiting.push_back({one.socket_left ? -1 : one.socket.get(), events, 0});
    }
}

void VsockStreams::serve(std::span<pollfd const> waited) {
    usize at = 0;
    for (auto next = streams_.begin(); next != streams_.end() && at < waited.size(); ++at) {
        auto& [stream, one] = *next;
        auto const events = waited[at].revents;
        one.socket_left = one.socket_left || (one.socket_ended && (events & POLLHUP) != 0);
        if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) read(one);
        if ((events & POLLOUT) != 0) write(one);
        talk(stream, one);
        next = end(stream, one) ? streams_.erase(next) : std::next(next);
    }
}

void VsockStreams::read(Joined& one) {
    if (one.socket_ended || !one.to_guest.empty()) return;
    std::array<char, piece> bytes{};
    auto const wanted = std::min<usize>(bytes.size(), one.room);
    if (wanted == 0) return;
    auto const count = ::read(one.socket.get(), bytes.data(), wanted);
    if (count > 0) one.to_guest.assign(bytes.data(), static_cast<usize>(count));
    if (count == 0) one.socket_ended = true;
    if (count < 0 && !would_wait()) one.socket_gone = true;
}

void VsockStreams::write(Joined& one) {
    while (!one.to_socket.empty() && !one.socket_gone) {
        auto const count = ::send(one.socket.get(), one.to_socket.data(), one.to_socket.size(), MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            one.socket_gone = !would_wait();
            return;
        }
        one.to_socket.erase(0, static_cast<usize>(count));
        one.taken += static_cast<u32>(count);
    }
}

// What the guest is to be told.
void VsockStreams::talk(u32 stream, Joined& one) {
    if (one.guest_gone || one.socket_gone) return;
    while (!one.to_guest.empty() && one.room != 0) {
        auto const count = std::min({static_cast<u32>(one.to_guest.size()), one.room, piece});
        client_.send(Type::vsock_data,
                     wire::VsockData{stream, {reinterpret_cast<u8 const*>(one.to_guest.data()), count}});
        one.to_guest.erase(0, count);
        one.room -= count;
    }
    if (one.taken >= room_here / 4 || (one.taken != 0 && one.to_socket.empty())) {
        client_.send(Type::vsock_credit, wire::VsockCredit{stream, one.taken});
        one.taken = 0;
    }
    if (one.socket_ended && one.to_guest.empty() && !one.told_guest) {
        client_.send(Type::vsock_finish, wire::VsockStream{stream});
        one.told_guest = true;
    }
}

bool VsockStreams::end(u32 stream, Joined& one) {
    if (one.guest_gone && (one.to_socket.empty() || one.socket_gone)) return true;
    if (one.guest_ended && one.to_socket.empty() && !one.told_socket) {
        ::shutdown(one.socket.get(), SHUT_WR);
        one.told_socket = true;
    }
    if (!one.socket_gone && !(one.told_guest && (one.told_socket || one.socket_left))) return false;
    client_.send(Type::vsock_close, wire::VsockStream{stream});
    return true;
}

}  // namespace antler::cli
