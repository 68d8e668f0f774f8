// Frames over a socket.
#include "cli/control_client.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <thread>

namespace antler::cli {
namespace {

constexpr std::chrono::milliseconds between_hellos{500};

int milliseconds_until(ControlClient::Clock::time_point end) {
    auto const left = std::chrono::ceil<std::chrono::milliseconds>(end - ControlClient::Clock::now()).count();
    return static_cast<int>(std::clamp<long>(left, 0, 1'000'000));
}

Descriptor connected(Path const& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    auto const text = path.string();
    if (text.size() >= sizeof address.sun_path)
        throw Failure{ExitCode::internal, fmt::format("The path of the socket {} is too long.", text)};
    std::copy(text.begin(), text.end(), address.sun_path);
    Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket.open() ||
        ::connect(socket.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0)
        throw Failure{ExitCode::internal,
                      fmt::format("Cannot reach the machine at {}: {}.", text, std::strerror(errno))};
    return socket;
}

}  // namespace

// A line is whose lock is held; the sockets themselves do not say whether somebody else is there.
void ControlClient::take_line(Path const& first) {
    for (u32 line = 0; line < wire::most_lines; ++line) {
        auto path = first;
        if (line != 0) path += "." + std::to_string(line);
        if (line != 0 && !std::filesystem::exists(path)) break;
        auto lock_path = path;
        lock_path += ".lock";
        Descriptor lock{::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
        if (lock.open() && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) continue;
        socket_ = connected(path);
        lock_ = std::move(lock);
        return;
    }
    throw Failure{ExitCode::internal,
                  "As many as can are talking to the machine already; one of them has to leave first."};
}

ControlClient::ControlClient(Path const& socket) {
    take_line(socket);
    // Another client's words may still be on their way, and must not be taken for ours.
    sequence_ = std::random_device{}() & 0x7fff'ffff;
    greet();
}

void ControlClient::greet() {
    auto const end = Clock::now() + patience;
    do {
        auto const answer = wait_for_reply(send(wire::Type::hello, wire::Hello{.client = "antler"}),
                                           std::min(end, Clock::now() + between_hellos));
        if (answer.status == wire::Status::busy) continue;  // nobody answered: the frame was lost in noise
        auto const greeted = must(answer, "The hypervisor does not talk to this program");
        auto const welcome = greeted.body<wire::Welcome>();
        version_ = welcome.version;
        instance_ = welcome.instance;
        return;
    } while (Clock::now() < end);
    throw Failure{ExitCode::internal, "The machine does not answer; it may not have started yet."};
}

void ControlClient::write(std::string_view bytes) {
    auto const end = Clock::now() + patience;
    while (!bytes.empty()) {
        auto const count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count > 0) {
            bytes.remove_prefix(static_cast<usize>(count));
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN) throw Failure{ExitCode::internal, "The machine has gone away."};
        // What it says must be taken, or it does not listen.
        if (auto said = receive(Clock::now() + std::chrono::milliseconds{10}))
            events_.push_back(std::move(*said));
        pollfd writable{socket_.get(), POLLOUT, 0};
        (void)::poll(&writable, 1, 10);
        if (Clock::now() > end)
            throw Failure{ExitCode::internal, "The machine does not take what it is told."};
    }
}

std::optional<Said> ControlClient::receive(Clock::time_point end) {
    for (;;) {
        if (auto const frame = finder_->next())
            return Said{frame->header, {frame->payload.begin(), frame->payload.end()}};
        pollfd readable{socket_.get(), POLLIN, 0};
        if (::poll(&readable, 1, milliseconds_until(end)) <= 0) return std::nullopt;
        std::array<u8, 4'096> bytes{};
        auto const wanted = std::min(bytes.size(), finder_->room());
        if (wanted == 0) {
            finder_->give_up();
            continue;
        }
        auto const count = ::recv(socket_.get(), bytes.data(), wanted, 0);
        if (count == 0) throw Failure{ExitCode::internal, "The machine has gone away."};
        if (count < 0 && errno != EAGAIN && errno != EINTR)
            throw Failure{ExitCode::internal,
                          fmt::format("The machine has gone away: {}.", std::strerror(errno))};
        if (count > 0) (void)finder_->feed(std::span{bytes}.first(static_cast<usize>(count)));
    }
}

Answer ControlClient::wait_for_reply(u32 sequence, Clock::time_point end) {
    Answer answer;
    while (auto said = receive(end)) {
        if (said->header.kind != wire::Kind::reply) {
            events_.push_back(std::move(*said));
            continue;
        }
        if (said->header.sequence != sequence) {
            // Replies to send() are next()'s; those of a client before us are nobody's.
            if (sequence_ - said->header.sequence < 0x1000) events_.push_back(std::move(*said));
            continue;
        }
        if ((said->header.flags & wire::flag::more) != 0) {
            answer.items.push_back(std::move(*said));
            continue;
        }
        answer.reply = std::move(*said);
        auto const reply = answer.reply.as<wire::Reply>();
        answer.status = reply.status;
        answer.sentence = reply.sentence;
        return answer;
    }
    answer.status = wire::Status::busy;
    answer.sentence = "no answer";
    return answer;
}

std::optional<Said> ControlClient::next(std::chrono::milliseconds limit) {
    if (events_.empty()) return receive(Clock::now() + limit);
    auto said = std::move(events_.front());
    events_.pop_front();
    return said;
}

bool ControlClient::has_something() {
    if (events_.empty())
        if (auto said = receive(Clock::now())) events_.push_back(std::move(*said));
    return !events_.empty();
}

void ControlClient::wait_a_little() {
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
}

Answer must(Answer answer, std::string const& what) {
    if (answer.ok()) return answer;
    auto const why = answer.sentence.empty() ? std::string{describe(answer.status)} : answer.sentence;
    auto const code = answer.status == wire::Status::busy || answer.status == wire::Status::failed
                          ? ExitCode::internal
                          : ExitCode::bad_input;
    throw Failure{code, fmt::format("{}: {}.", what, why)};
}

}  // namespace antler::cli
