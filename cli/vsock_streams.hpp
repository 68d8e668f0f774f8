// Sockets of this host joined with streams of guests, over one control channel.
#pragma once

#include <poll.h>

#include <map>
#include <string>
#include <vector>

#include "cli/control_client.hpp"

namespace antler::cli {

// Each direction of each stream has credit, so no socket that nobody reads holds up another.
class VsockStreams {
public:
    // Bytes that we keep for a socket that is not read, at most.
    static constexpr u32 room_here = 64 * 1024;

    explicit VsockStreams(ControlClient& client) : client_{client} {}

    // `room`: bytes that the guest takes at first; `said`: bytes that were read from the socket already.
    void join(u32 stream, u32 room, Descriptor socket, std::string said);
    [[nodiscard]] bool empty() const { return streams_.empty(); }

    // An event of one of the streams; others are left alone.
    void hear(Said const& said);

    // What they wait for, put behind what `waiting` has; serve() gets the same part of it back.
    void add_to(std::vector<pollfd>& waiting) const;
    void serve(std::span<pollfd const> waited);

private:
    struct Joined {
        Descriptor socket{};
        u32 room = 0;            // that the guest has for us
        u32 taken = 0;           // bytes that went into the socket, and the guest does not know
        std::string to_guest{};  // until it has room
        std::string to_socket{};
        bool socket_ended = false;
        bool socket_left = false;  // nobody reads it either
        bool guest_ended = false;
        bool told_guest = false;   // that nothing more comes
        bool told_socket = false;  // the same
        bool guest_gone = false;
        bool socket_gone = false;
    };

    static void read(Joined& one);
    static void write(Joined& one);
    void talk(u32 stream, Joined& one);
    // True: it is over.
    [[nodiscard]] bool end(u32 stream, Joined& one);

    ControlClient& client_;
    std::map<u32, Joined> streams_{};
};

}  // namespace antler::cli
