// Talks to a program at a terminal, as a person would.
#include "cli/test_pty.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "cli/test_transcript.hpp"

namespace antler::cli {
namespace {

using Clock = std::chrono::steady_clock;

// A program with a terminal of its own, 80 by 24; ended when this goes.
class AtTerminal {
public:
    explicit AtTerminal(Arguments const& words) {
        std::vector<char*> pointers;
        for (auto const& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
        pointers.push_back(nullptr);
        winsize const size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
        int terminal = -1;
        pid_ = ::forkpty(&terminal, nullptr, nullptr, &size);
        if (pid_ == 0) {
            sigset_t none;
            ::sigemptyset(&none);
            ::sigprocmask(SIG_SETMASK, &none, nullptr);
            ::execv(pointers[0], pointers.data());
            ::_exit(127);
        }
        terminal_ = Descriptor{terminal};
    }
    ~AtTerminal() {
        if (ended_ || pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    AtTerminal(AtTerminal const&) = delete;
    AtTerminal& operator=(AtTerminal const&) = delete;

    [[nodiscard]] int terminal() const { return terminal_.get(); }
    void kill() { ::kill(pid_, SIGKILL); }
    int wait() {
        int status = 0;
        ::waitpid(pid_, &status, 0);
        ended_ = true;
        return status;
    }

private:
    pid_t pid_ = -1;
    Descriptor terminal_{};
    bool ended_ = false;
};

}  // namespace

std::string talk_at_terminal(Arguments const& words, std::vector<DialogueStep> const& talk, int exit,
                             std::chrono::seconds limit, int log) {
    auto const deadline = Clock::now() + limit;
    AtTerminal program{words};
    if (program.terminal() < 0) return "there is no terminal for it";
    Transcript seen;
    usize heard = 0;
    usize step = 0;
    for (;;) {
        for (; step < talk.size(); ++step) {
            if (talk[step].kill) {
                program.kill();
                (void)program.wait();
                return {};
            }
            if (talk[step].columns != 0) {
                winsize const size{.ws_row = static_cast<unsigned short>(talk[step].rows),
                                   .ws_col = static_cast<unsigned short>(talk[step].columns),
                                   .ws_xpixel = 0,
                                   .ws_ypixel = 0};
                if (::ioctl(program.terminal(), TIOCSWINSZ, &size) != 0) return "its terminal takes no size";
                continue;
            }
            if (talk[step].expect) {
                auto const found = seen.find(*talk[step].expect, heard);
                if (!found) break;
                heard = *found;
            } else if (::write(program.terminal(), talk[step].type.data(), talk[step].type.size()) < 0) {
                return "its terminal takes no keys";
            }
        }
        if (Clock::now() > deadline)
            return step < talk.size()
                       ? fmt::format("at a terminal it never said /{}/", talk[step].expect->text)
                       : "at a terminal it did not end";
        pollfd waiting{.fd = program.terminal(), .events = POLLIN, .revents = 0};
        if (::poll(&waiting, 1, 100) <= 0) continue;
        std::array<char, 4096> chunk{};
        auto const got = ::read(program.terminal(), chunk.data(), chunk.size());
        if (got <= 0) break;  // it has ended
        (void)::write(log, chunk.data(), static_cast<usize>(got));
        seen.append({chunk.data(), static_cast<usize>(got)});
    }
    int const status = program.wait();
    if (step < talk.size())
        return fmt::format("at a terminal it ended before it said /{}/",
                           talk[step].expect ? talk[step].expect->text : talk[step].type);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != exit)
        return fmt::format("at a terminal it ended with {:#x} instead of exit code {}", status, exit);
    return {};
}

}  // namespace antler::cli
