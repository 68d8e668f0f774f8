// Another program.
#include "cli/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "cli/failure.hpp"

namespace antler::cli {
namespace {

[[noreturn]] void fail(std::string const& what) {
    throw Failure{ExitCode::internal, what + ": " + std::strerror(errno) + "."};
}

// Between fork and exec: only calls that are safe there.
[[noreturn]] void become(char* const* arguments, ChildStreams const& streams, pid_t parent, int report) {
    if (streams.detached) {
        ::setsid();
    } else {
        ::setpgid(0, 0);
        // Should we be ended by SIGKILL, the child ends too; the second line closes the gap before the first.
        ::prctl(PR_SET_PDEATHSIG, streams.at_our_end);
        if (::getppid() != parent) ::_exit(127);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    int const nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(streams.input >= 0 ? streams.input : nothing, 0);
    ::dup2(streams.output >= 0 ? streams.output : nothing, 1);
    if (streams.errors >= 0) ::dup2(streams.errors, 2);
    for (int const fd : streams.kept) ::fcntl(fd, F_SETFD, 0);
    ::execv(arguments[0], arguments);
    int const why = errno;
    if (::write(report, &why, sizeof why) < 0) ::_exit(126);
    ::_exit(127);
}

}  // namespace

int Descriptor::release() {
    return std::exchange(fd_, -1);
}

void Descriptor::close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Stream make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("Cannot make a pipe");
    return {Descriptor{ends[0]}, Descriptor{ends[1]}};
}

Stream make_socket_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
        fail("Cannot make a socket pair");
    Stream made{Descriptor{ends[0]}, Descriptor{ends[1]}};
    if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) fail("Cannot prepare a socket");
    return made;
}

ChildProcess::ChildProcess(Arguments const& arguments, ChildStreams const& streams) {
    std::vector<char*> pointers;
    for (auto const& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
    pointers.push_back(nullptr);
    // Closed by a successful exec; otherwise it carries the reason.
    auto report = make_pipe();
    pid_t const parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) fail("Cannot start a process");
    if (pid_ == 0) become(pointers.data(), streams, parent, report.theirs.get());
    if (!streams.detached) ::setpgid(pid_, pid_);  // whoever comes first
    report.theirs.close();
    int why = 0;
    if (::read(report.ours.get(), &why, sizeof why) == sizeof why) {
        wait();
        errno = why;
        fail("Cannot start " + arguments[0]);
    }
}

ChildProcess::~ChildProcess() {
    if (status_) return;
    kill();
    wait();
}

std::optional<int> ChildProcess::poll() {
    int status = 0;
    if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
    return status_;
}

int ChildProcess::wait() {
    int status = 0;
    while (!status_) {
        if (::waitpid(pid_, &status, 0) == pid_)
            status_ = status;
        else if (errno != EINTR)
            status_ = 0x7f00;
    }
    return *status_;
}

void ChildProcess::kill() {
    if (status_) return;
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
}

int poll_timeout(std::chrono::milliseconds left) {
    return static_cast<int>(std::clamp<long>(left.count(), 0, std::numeric_limits<int>::max()));
}

Captured capture(Arguments const& arguments, std::chrono::seconds limit) {
    using Clock = std::chrono::steady_clock;
    auto const deadline = Clock::now() + limit;
    auto printed = make_pipe();
    ChildProcess child{arguments, {.output = printed.theirs.get(), .errors = printed.theirs.get()}};
    printed.theirs.close();
    Captured captured;
    std::array<char, 16384> chunk{};
    for (;;) {
        auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        pollfd waiting{.fd = printed.ours.get(), .events = POLLIN, .revents = 0};
        int const ready = left.count() > 0 ? ::poll(&waiting, 1, poll_timeout(left)) : 0;
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) {
            captured.timed_out = true;
            child.kill();
            break;
        }
        auto const got = ::read(printed.ours.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        captured.output.append(chunk.data(), static_cast<std::size_t>(got));
    }
    captured.status = child.wait();
    return captured;
}

}  // namespace antler::cli
