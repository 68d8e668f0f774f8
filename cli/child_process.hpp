// Another program: started in a process group of its own, ended with us, and always reaped.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace antler::cli {

// A file descriptor that closes itself.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_{fd} {}
    ~Descriptor() { close(); }
    Descriptor(Descriptor&& other) noexcept : fd_{other.release()} {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            close();
            fd_ = other.release();
        }
        return *this;
    }

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool open() const { return fd_ >= 0; }
    [[nodiscard]] int release();
    void close();

private:
    int fd_ = -1;
};

struct Stream {  // two ends of a pipe or of a socket pair, close-on-exec
    Descriptor ours;
    Descriptor theirs;
};
[[nodiscard]] Stream make_pipe();         // they write, we read
[[nodiscard]] Stream make_socket_pair();  // both do both; ours does not block

using Arguments = std::vector<std::string>;

struct ChildStreams {
    int input = -1;            // -1: /dev/null
    int output = -1;           // -1: /dev/null
    int errors = -1;           // -1: ours
    std::vector<int> kept{};   // these stay open, under the same numbers
    bool detached = false;     // it lives on when we do not: a session of its own
    int at_our_end = SIGKILL;  // the signal that it gets when we are ended, where it does not live on
};

class ChildProcess {
public:
    ChildProcess(Arguments const& arguments, ChildStreams const& streams);
    ~ChildProcess();  // SIGKILL to its group, if it still runs
    ChildProcess(ChildProcess const&) = delete;
    ChildProcess& operator=(ChildProcess const&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    // As wait(2) says it; nothing while the child runs.
    [[nodiscard]] std::optional<int> poll();
    int wait();
    void kill();
    // From now on nobody here waits for it or ends it.
    void let_go() { status_ = 0; }

private:
    pid_t pid_ = -1;
    std::optional<int> status_;
};

// Runs a program to its end and takes what it prints.
struct Captured {
    int status = 0;  // as wait(2) says it
    bool timed_out = false;
    std::string output;  // what went to both streams
    [[nodiscard]] bool succeeded() const { return !timed_out && status == 0; }
};
// What poll(2) is told where so much is left; more than it can be told is its most.
[[nodiscard]] int poll_timeout(std::chrono::milliseconds left);
[[nodiscard]] Captured capture(Arguments const& arguments, std::chrono::seconds limit);

}  // namespace antler::cli
