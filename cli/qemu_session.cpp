// One run of QEMU from start to end.
#include "cli/qemu_session.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stop_token>
#include <thread>

#include "cli/console.hpp"
#include "cli/file.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_held = 64 * 1024;  // bytes on their way, in each direction
constexpr std::size_t pipe_promise = 4096;    // a pipe that polls writable takes this much without blocking

sigset_t ending_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (int const number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) ::sigaddset(&set, number);
    return set;
}

bool would_wait(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

// Bytes on their way, and where they go; nothing here blocks.
struct Queue {
    std::string bytes;
    // False: the other side is gone.
    bool push_to(int fd) {
        auto const sent = ::write(fd, bytes.data(), std::min(bytes.size(), pipe_promise));
        if (sent < 0) return would_wait(errno);
        bytes.erase(0, static_cast<std::size_t>(sent));
        return true;
    }
};

// The socket, or none when it does not appear while `goes_on` says so.
template <class GoesOn>
Descriptor connect_to(Path const& path, GoesOn&& goes_on) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    auto const name = path.string();
    if (name.size() >= sizeof address.sun_path) return {};
    std::memcpy(address.sun_path, name.data(), name.size());
    for (;;) {
        Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        if (::connect(socket.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0) {
            ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
            return socket;
        }
        if (!goes_on()) return {};
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
}

class Session {
public:
    Session(QemuMachine const& machine, SessionOptions const& options)
        : options_{options}, errors_{make_pipe()}, input_{options.input}, painter_{options.coloured} {
        bool const named = !machine.console_socket.empty();
        if (!named) console_ = make_socket_pair();
        ChildStreams streams{.errors = options.errors >= 0 ? options.errors : errors_.theirs.get(),
                             .detached = options.outlive};
        if (!named) streams.kept.push_back(console_.theirs.get());
        if (options.lock >= 0) streams.kept.push_back(options.lock);
        qemu_.emplace(qemu_arguments(required_qemu(), machine, console_.theirs.get()), streams);
        if (options.started) options.started(qemu_->pid());
        if (named) console_.ours = connect_to(machine.console_socket, [this] { return !qemu_->poll(); });
        console_.theirs.close();
        errors_.theirs.close();
        prepare();
    }

    Session(RunningMachine const& machine, SessionOptions const& options)
        : options_{options}, errors_{make_pipe()}, input_{options.input}, painter_{options.coloured} {
        console_.ours = connect_to(machine.console, [] { return false; });
        errors_.theirs.close();
        console_spoke_ = true;
        prepare();
    }

    void prepare() {
        auto const set = ending_signals();
        signals_ = Descriptor{::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
        if (!signals_.open())
            throw Failure{ExitCode::internal,
                          std::string{"Cannot wait for signals: "} + std::strerror(errno) + "."};
        // A QEMU that could not make its socket has ended, and its complaint says why.
        if (!console_.ours.open()) {
            if (qemu_) result_.status = qemu_->wait();
            end(SessionEnd::not_started);
        }
        if (options_.limit) deadline_ = Clock::now() + *options_.limit;
    }

    SessionResult run() {
        while (!end_) step();
        if (qemu_) {
            qemu_->kill();
            result_.status = qemu_->wait();
        }
        result_.end = *end_;
        take_complaints();
        if (options_.output >= 0) to_person_.bytes += painter_.held();
        // What was printed before the end is printed, unless the reader has stopped for good.
        for (int attempts = 0; !to_person_.bytes.empty() && attempts < 50 && end_ != SessionEnd::output_gone;
             ++attempts) {
            pollfd waiting{.fd = options_.output, .events = POLLOUT, .revents = 0};
            if (::poll(&waiting, 1, 100) > 0 && !to_person_.push_to(options_.output)) break;
        }
        return result_;
    }

private:
    void step() {
        enum Slot { console, errors, signals, person_out, person_in, count };
        std::array<pollfd, count> waiting{};
        waiting[console] = {console_.ours.get(), 0, 0};
        if (to_person_.bytes.size() < most_held) waiting[console].events |= POLLIN;
        // The firmware throws away what it finds in the port when it starts, and speaks after that.
        if (console_spoke_ && !to_guest_.bytes.empty()) waiting[console].events |= POLLOUT;
        waiting[errors] = {errors_.ours.get(), POLLIN, 0};
        waiting[signals] = {signals_.get(), POLLIN, 0};
        waiting[person_out] = {to_person_.bytes.empty() ? -1 : options_.output, POLLOUT, 0};
        waiting[person_in] = {to_guest_.bytes.size() < most_held ? input_ : -1, POLLIN, 0};

        int patience = -1;
        if (deadline_) {
            auto const left = std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - Clock::now()).count();
            if (left <= 0) return end(SessionEnd::timed_out);
            patience = static_cast<int>(std::min<long>(left, 1'000'000'000));
        }
        if (::poll(waiting.data(), waiting.size(), patience) < 0) return;  // EINTR

        if (waiting[signals].revents != 0) take_signals();
        if (waiting[errors].revents != 0) take_complaints();
        if (waiting[person_in].revents != 0) take_keys();
        if (waiting[console].revents & POLLOUT) type();
        if (waiting[person_out].revents != 0 && !to_person_.push_to(options_.output))
            end(SessionEnd::output_gone);
        // The console closes when QEMU ends, and only then, so nothing of it is lost.
        if (waiting[console].revents & (POLLIN | POLLHUP | POLLERR)) take_console();
    }

    void end(SessionEnd why) {
        if (!end_) end_ = why;
    }

    void take_signals() {
        signalfd_siginfo told{};
        while (::read(signals_.get(), &told, sizeof told) == sizeof told) {
            if (told.ssi_signo == SIGCHLD) continue;  // the console's end says the same, after the last byte
            result_.signal = static_cast<int>(told.ssi_signo);
            end(SessionEnd::signalled);
        }
    }

    void take_complaints() {
        if (!errors_.ours.open()) return;
        std::array<char, 4096> chunk{};
        pollfd waiting{.fd = errors_.ours.get(), .events = POLLIN, .revents = 0};
        while (::poll(&waiting, 1, 0) > 0) {
            auto const got = ::read(errors_.ours.get(), chunk.data(), chunk.size());
            if (got <= 0) return errors_.ours.close();
            if (result_.complaints.size() < most_held)
                result_.complaints.append(chunk.data(), static_cast<std::size_t>(got));
        }
    }

    void take_keys() {
        std::array<char, 4096> chunk{};
        auto const got = ::read(input_, chunk.data(), chunk.size());
        if (got < 0 && would_wait(errno)) return;
        if (got <= 0) {  // the end of the script is not the end of the machine
            input_ = -1;
            return;
        }
        std::string_view typed{chunk.data(), static_cast<std::size_t>(got)};
        if (options_.interactive) {
            auto const split = split_at_escape(typed);
            typed = split.for_guest;
            if (split.leave) end(SessionEnd::left);
        }
        to_guest_.bytes += typed;
    }

    void type() { (void)to_guest_.push_to(console_.ours.get()); }

    void take_console() {
        std::array<char, 16384> chunk{};
        auto const got = ::read(console_.ours.get(), chunk.data(), chunk.size());
        if (got < 0 && would_wait(errno)) return;
        if (got <= 0) {
            take_complaints();
            if (qemu_) result_.status = qemu_->wait();
            return end(judge(result_.status, console_spoke_, crash_.crashed()));
        }
        std::string_view const said{chunk.data(), static_cast<std::size_t>(got)};
        console_spoke_ = true;
        crash_.saw(said);
        if (options_.output >= 0) to_person_.bytes += painter_.paint(said);
        if (options_.watch && options_.watch(said)) end(SessionEnd::left);
    }

    SessionOptions const& options_;
    Stream console_;
    Stream errors_;
    std::optional<ChildProcess> qemu_{};
    Descriptor signals_;
    int input_;
    NamePainter painter_;
    Queue to_guest_;
    Queue to_person_;
    bool console_spoke_ = false;
    CrashDetector crash_;
    std::optional<Clock::time_point> deadline_;
    std::optional<SessionEnd> end_;
    SessionResult result_;
};

}  // namespace

SessionResult join_session(RunningMachine const& machine, SessionOptions const& options) {
    return Session{machine, options}.run();
}

pid_t start_machine(QemuMachine const& machine, SessionOptions const& options) {
    ChildStreams streams{.errors = options.errors, .detached = true};
    if (options.lock >= 0) streams.kept.push_back(options.lock);
    ChildProcess qemu{qemu_arguments(required_qemu(), machine, -1), streams};
    auto const pid = qemu.pid();
    qemu.let_go();
    return pid;
}

SessionResult run_session(QemuMachine const& machine, SessionOptions const& options) {
    return Session{machine, options}.run();
}

SessionEnd judge(int wait_status, bool console_spoke, bool said_crash) {
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0)
        return said_crash ? SessionEnd::failed : SessionEnd::powered_off;
    return console_spoke ? SessionEnd::failed : SessionEnd::not_started;
}

int exit_code(SessionResult const& result) {
    switch (result.end) {
        case SessionEnd::powered_off:
        case SessionEnd::left: return static_cast<int>(ExitCode::success);
        case SessionEnd::failed: return static_cast<int>(ExitCode::crashed);
        case SessionEnd::timed_out: return static_cast<int>(ExitCode::timeout);
        case SessionEnd::not_started: return static_cast<int>(ExitCode::internal);
        case SessionEnd::signalled: return 128 + result.signal;
        case SessionEnd::output_gone: return 128 + SIGPIPE;
    }
    return static_cast<int>(ExitCode::internal);
}

Recording run_and_record(QemuMachine machine, std::chrono::seconds limit, std::string_view until) {
    BlockedSignals const blocked;
    WorkDirectory const work;
    machine.console_file = work.path() / "console";
    SessionOptions options;
    options.limit = limit;
    std::atomic<pid_t> qemu = 0;
    options.started = [&](pid_t pid) { qemu = pid; };
    Recording recording;
    {
        // Ended by whoever reads the file.
        std::jthread const reader{[&](std::stop_token const& over) {
            constexpr std::chrono::milliseconds pause{50};
            while (!until.empty() && !over.stop_requested()) {
                std::this_thread::sleep_for(pause);
                if (qemu == 0 || !std::filesystem::exists(machine.console_file)) continue;
                if (!as_text(read_file(machine.console_file)).contains(until)) continue;
                ::kill(qemu, SIGKILL);
                return;
            }
        }};
        recording.result = run_session(machine, options);
    }
    if (std::filesystem::exists(machine.console_file))
        recording.console = as_text(read_file(machine.console_file));
    // The session itself has heard nothing.
    auto& end = recording.result.end;
    if (end == SessionEnd::not_started || end == SessionEnd::powered_off) {
        CrashDetector crash;
        crash.saw(recording.console);
        end = judge(recording.result.status, !recording.console.empty(), crash.crashed());
    }
    return recording;
}

BlockedSignals::BlockedSignals() {
    auto const set = ending_signals();
    ::sigprocmask(SIG_BLOCK, &set, &before_);
    ::signal(SIGPIPE, SIG_IGN);
}

BlockedSignals::~BlockedSignals() {
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace antler::cli
