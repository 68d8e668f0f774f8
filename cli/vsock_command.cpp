// `antler vsock`.
#include "cli/vsock_command.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "cli/instances.hpp"
#include "cli/unix_socket.hpp"
#include "cli/vsock_server.hpp"

namespace antler::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

Path control_of(Asked const& asked) {
    return asked.socket.empty() ? find_instance(asked.machine).control : asked.socket;
}

// The VM's socket, which whoever serves it may be about to make.
Descriptor reach(VsockOptions const& options, Path const& control) {
    auto const path = vsock_socket(control, options.vm);
    auto socket = connect_to_socket(path);
    if (socket.open()) return socket;
    // Nobody serves it, or not this VM: what the machine says of it is the better sentence.
    auto const info = must(client_of(options).ask(wire::Type::vm_info, wire::VmName{options.vm}),
                           fmt::format("`{}`", options.vm))
                          .body<wire::VmInfo>();
    if (info.vsock_cid == 0)
        throw Failure{
            ExitCode::bad_input,
            fmt::format("`{}` has no vsock; its description says `vsock.cid` for one.", options.vm)};
    start_vsock_server(control);
    for (auto const end = Clock::now() + ControlClient::patience; Clock::now() < end;) {
        std::this_thread::sleep_for(milliseconds{20});
        socket = connect_to_socket(path);
        if (socket.open()) return socket;
    }
    throw Failure{ExitCode::internal,
                  fmt::format("Cannot reach {}: {}.", path.string(), std::strerror(errno))};
}

Descriptor called(VsockOptions const& options, Path const& control) {
    auto socket = reach(options, control);
    auto const line = fmt::format("CONNECT {}\n", options.port);
    (void)::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL);
    std::string said;
    while (!said.ends_with('\n')) {
        pollfd readable{socket.get(), POLLIN, 0};
        if (::poll(&readable, 1, -1) < 0) continue;
        char c = 0;
        auto const count = ::read(socket.get(), &c, 1);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (count <= 0)
            throw Failure{ExitCode::internal,
                          fmt::format("Nobody answers at port {} of `{}`.", options.port, options.vm)};
        said += c;
    }
    return socket;
}

// The first guest that comes.
Descriptor visited(VsockOptions const& options, Path const& control) {
    (void)reach(options, control);  // somebody serves it, and there is such a VM
    auto const path = vsock_socket(control, options.vm, options.port);
    auto const door = listen_at_socket(path);
    if (!door.open())
        throw Failure{ExitCode::internal,
                      fmt::format("Cannot listen at {}: {}.", path.string(), std::strerror(errno))};
    for (;;) {
        pollfd readable{door.get(), POLLIN, 0};
        (void)::poll(&readable, 1, -1);
        Descriptor socket{::accept4(door.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
        if (!socket.open()) continue;
        ::unlink(path.c_str());
        return socket;
    }
}

// All of it, however long that takes; false: nobody is there to take it.
bool give(int to, std::string_view bytes) {
    while (!bytes.empty()) {
        auto const count = ::write(to, bytes.data(), bytes.size());
        if (count >= 0) {
            bytes.remove_prefix(static_cast<usize>(count));
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) return false;
        pollfd writable{to, POLLOUT, 0};
        (void)::poll(&writable, 1, -1);
    }
    return true;
}

class Join {
public:
    explicit Join(Descriptor socket) : socket_{std::move(socket)} {}

    // Until both ends have said everything, or the guest's is gone.
    void run() {
        while (!left_) {
            // While one direction waits the other goes on.
            std::array<pollfd, 3> waiting{{{socket_.get(), static_cast<short>(heard_all_ ? 0 : POLLIN), 0},
                                           {typed_.empty() ? -1 : socket_.get(), POLLOUT, 0},
                                           {reads_ && typed_.empty() ? STDIN_FILENO : -1, POLLIN, 0}}};
            if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
            if (waiting[0].revents != 0 && heard_all_) left_ = true;
            if (waiting[0].revents != 0 && !heard_all_) hear();
            if (waiting[1].revents != 0) say();
            if (waiting[2].revents != 0) take();
        }
    }

private:
    void hear() {
        std::array<char, 16'384> bytes{};
        auto const count = ::read(socket_.get(), bytes.data(), bytes.size());
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
        heard_all_ = count <= 0;
        left_ = count < 0 || !give(STDOUT_FILENO, {bytes.data(), static_cast<usize>(count)});
    }
    void say() {
        auto const count = ::send(socket_.get(), typed_.data(), typed_.size(), MSG_NOSIGNAL);
        if (count > 0) typed_.erase(0, static_cast<usize>(count));
        if (count < 0 && errno != EAGAIN && errno != EINTR) typed_.clear();
        if (typed_.empty() && !reads_) ::shutdown(socket_.get(), SHUT_WR);
    }
    void take() {
        std::array<char, 16'384> bytes{};
        auto const count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (count <= 0) {
            reads_ = false;
            ::shutdown(socket_.get(), SHUT_WR);
            return;
        }
        typed_.assign(bytes.data(), static_cast<usize>(count));
    }

    Descriptor socket_;
    std::string typed_{};
    bool reads_ = true;
    bool heard_all_ = false;
    bool left_ = false;
};

}  // namespace

int vsock_command(VsockOptions const& options) {
    ::signal(SIGPIPE, SIG_IGN);
    auto const control = control_of(options);
    Join{options.listen ? visited(options, control) : called(options, control)}.run();
    return 0;
}

int vsock_server_command(Asked const& asked) {
    return serve_vsock(control_of(asked));
}

}  // namespace antler::cli
