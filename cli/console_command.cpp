// Between a terminal and a VM's console.
#include "cli/console_command.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <optional>

#include "cli/console.hpp"

namespace antler::cli {
namespace {

using std::chrono::milliseconds;
using wire::Type;

// Once nothing came for so long, everything that was kept has been said.
constexpr milliseconds quiet{300};
constexpr usize piece = 256;  // what a console takes at once

// Says when the terminal has another size, as long as it lives.
class WindowChanges {
public:
    WindowChanges() {
        sigset_t set;
        ::sigemptyset(&set);
        ::sigaddset(&set, SIGWINCH);
        ::sigprocmask(SIG_BLOCK, &set, &before_);
        signals_ = Descriptor{::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    }
    ~WindowChanges() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
    WindowChanges(WindowChanges const&) = delete;
    WindowChanges& operator=(WindowChanges const&) = delete;

    [[nodiscard]] int descriptor() const { return signals_.get(); }
    void take() const {
        signalfd_siginfo told{};
        while (::read(signals_.get(), &told, sizeof told) == sizeof told) {
        }
    }

private:
    Descriptor signals_{};
    sigset_t before_{};
};

class Session {
public:
    explicit Session(ConsoleOptions const& options) : options_{options}, client_{client_of(options)} {
        bool const own = options.follow && !options.read_only;
        auto const answer =
            must(client_.ask(Type::console_open,
                             wire::ConsoleOpen{options.vm, options.port, options.history, own}),
                 options.vm.empty() ? "The log" : fmt::format("The console of `{}`", options.vm));
        auto const opened = answer.body<wire::ConsoleOpened>();
        handle_ = opened.handle;
        position_ = opened.position;
        owns_ = opened.ours;
    }

    int run() {
        bool const keys = owns_ && (is_our_terminal(STDIN_FILENO) || ::isatty(STDIN_FILENO) == 0);
        std::optional<RawTerminal> raw;
        if (keys && is_our_terminal(STDIN_FILENO)) {
            fmt::print(stderr, "antler: ^] leaves; the machine runs on.\n");
            raw.emplace(STDIN_FILENO);
            window_.emplace();
            tell_window();
        }
        reads_ = keys;
        while (!left_) turn();
        raw.reset();
        window_.reset();
        if (keys && ::isatty(STDIN_FILENO) != 0) fmt::print(stderr, "\n");
        (void)client_.ask(Type::console_close, wire::ConsoleHandle{handle_});
        return 0;
    }

private:
    void turn() {
        bool heard = false;
        while (client_.has_something())
            if (auto const said = client_.next(milliseconds{0})) {
                hear(*said);
                heard = true;
            }
        std::fflush(stdout);
        send_typed();
        std::array<pollfd, 3> wait{{{client_.descriptor(), POLLIN, 0},
                                    {reads_ && typed_.size() < piece ? STDIN_FILENO : -1, POLLIN, 0},
                                    {window_ ? window_->descriptor() : -1, POLLIN, 0}}};
        auto const limit = typed_.empty() ? quiet : milliseconds{20};
        auto const ready = ::poll(wait.data(), wait.size(), static_cast<int>(limit.count()));
        if (ready == 0 && !heard && !options_.follow) left_ = true;
        if ((wait[1].revents & (POLLIN | POLLHUP)) != 0) read_keys();
        if (wait[2].revents != 0) {
            window_->take();
            tell_window();
        }
    }

    // Not every console has a guest that wants to know, and an older hypervisor does not listen.
    void tell_window() {
        winsize size{};
        if (!owns_ || ::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0) return;
        (void)client_.ask(Type::console_window, wire::ConsoleWindow{handle_, size.ws_col, size.ws_row});
    }

    void hear(Said const& said) {
        if (said.type() == Type::event_console_output) {
            auto const output = said.as<wire::ConsoleOutput>();
            if (output.handle != handle_) return;
            if (output.position > position_)
                fmt::print("\r\nantler: {} bytes were lost\r\n", output.position - position_);
            position_ = output.position + output.bytes.size();
            std::fwrite(output.bytes.data(), 1, output.bytes.size(), stdout);
        }
        if (said.type() == Type::event_console_owner && !said.as<wire::ConsoleOwner>().ours) {
            fmt::print(stderr, "\r\nantler: somebody else has taken the input.\r\n");
            owns_ = false;
        }
    }

    void read_keys() {
        std::array<char, piece> keys{};
        auto const count = ::read(STDIN_FILENO, keys.data(), keys.size());
        if (count <= 0) {
            reads_ = false;
            return;
        }
        auto const found = split_at_escape({keys.data(), static_cast<usize>(count)});
        typed_ += found.for_guest;
        left_ = found.leave;
    }

    void send_typed() {
        if (typed_.empty() || !owns_) return;
        auto const bytes = std::string_view{typed_}.substr(0, piece);
        auto const answer = client_.ask(
            Type::console_input,
            wire::ConsoleInput{handle_, {reinterpret_cast<u8 const*>(bytes.data()), bytes.size()}});
        if (answer.status == wire::Status::not_owner) {
            typed_.clear();
            return;
        }
        typed_.erase(0, must(answer, "The console").body<wire::Accepted>().bytes);
    }

    ConsoleOptions const& options_;
    ControlClient client_;
    std::optional<WindowChanges> window_{};
    u32 handle_ = 0;
    u64 position_ = 0;
    bool owns_ = false;
    bool reads_ = false;
    bool left_ = false;
    std::string typed_{};
};

}  // namespace

int console_command(ConsoleOptions const& options) {
    return Session{options}.run();
}

}  // namespace antler::cli
