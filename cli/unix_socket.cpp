// Sockets with a path.
#include "cli/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace antler::cli {
namespace {

constexpr int backlog = 16;

// What body(socket, address, its size) says of a new socket; nothing where it is not zero.
template <class Body>
Descriptor with_socket(Path const& path, Body&& body) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    auto const text = path.string();
    if (text.size() >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return {};
    }
    std::copy(text.begin(), text.end(), address.sun_path);
    Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (socket.open() &&
        body(socket.get(), reinterpret_cast<sockaddr const*>(&address), socklen_t{sizeof address}) == 0)
        return socket;
    auto const why = errno;
    socket.close();
    errno = why;
    return {};
}

}  // namespace

Descriptor connect_to_socket(Path const& path) {
    return with_socket(path, [](int socket, sockaddr const* address, socklen_t size) {
        return ::connect(socket, address, size);
    });
}

Descriptor listen_at_socket(Path const& path) {
    // Nobody finds it under its name before it listens.
    auto const unfinished = Path{path}.concat("~");
    ::unlink(unfinished.c_str());
    return with_socket(unfinished, [&](int socket, sockaddr const* address, socklen_t size) {
        if (::bind(socket, address, size) != 0 || ::listen(socket, backlog) != 0) return -1;
        return ::rename(unfinished.c_str(), path.c_str());
    });
}

}  // namespace antler::cli
