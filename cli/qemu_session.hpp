// One run of QEMU from start to end: keys in, console out, and why it ended.
#pragma once

#include <signal.h>

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/child_process.hpp"
#include "cli/failure.hpp"
#include "cli/qemu.hpp"

namespace antler::cli {

enum class SessionEnd {
    powered_off,  // QEMU ended by itself, and content
    failed,       // by itself, and not content: a VM crashed
    not_started,  // QEMU did not get as far as the firmware
    timed_out,
    left,         // ^]
    signalled,    // we were told to end
    output_gone,  // nobody reads what we write
};

// A serial port that somebody else's QEMU has at a socket.
struct RunningMachine {
    Path console{};
};

struct SessionOptions {
    int input = -1;                                 // keys come from here
    bool interactive = false;                       // ^] leaves
    int output = -1;                                // the console goes there
    std::vector<std::string> coloured{};            // VMs whose names before their lines have colours
    std::function<bool(std::string_view)> watch{};  // sees the console, says when it has seen enough
    std::optional<std::chrono::milliseconds> limit{};
    int errors = -1;       // a file for what QEMU itself prints; -1: it is kept for the result
    int lock = -1;         // QEMU holds it as long as it lives
    bool outlive = false;  // QEMU runs on when we are ended by SIGKILL
    std::function<void(pid_t)> started{};  // is told QEMU's process
};

struct SessionResult {
    SessionEnd end = SessionEnd::powered_off;
    int signal = 0;            // of signalled
    int status = 0;            // of QEMU, as wait(2) says it
    std::string complaints{};  // what QEMU itself printed
};

// The caller has blocked SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGCHLD (see BlockedSignals).
[[nodiscard]] SessionResult run_session(QemuMachine const& machine, SessionOptions const& options);
// The same for a machine that runs already; leaving it does not end it.
[[nodiscard]] SessionResult join_session(RunningMachine const& machine, SessionOptions const& options);
// A machine that nobody waits for.
pid_t start_machine(QemuMachine const& machine, SessionOptions const& options);

// QEMU's own end, told apart.
[[nodiscard]] SessionEnd judge(int wait_status, bool console_spoke, bool said_crash);

// What `antler run` ends with.
[[nodiscard]] int exit_code(SessionResult const& result);

// For bench and doctor: no keys, the whole console as text.
struct Recording {
    SessionResult result;
    std::string console;
};
// With `until` the machine ends when its console has said that.
// The console goes through a file: with a socket QEMU's counts of instructions are not the same in every run.
[[nodiscard]] Recording run_and_record(QemuMachine machine, std::chrono::seconds limit,
                                       std::string_view until = {});

// While this lives, signals that end us wait for a file descriptor to read them from.
class BlockedSignals {
public:
    BlockedSignals();
    ~BlockedSignals();
    BlockedSignals(BlockedSignals const&) = delete;
    BlockedSignals& operator=(BlockedSignals const&) = delete;

private:
    sigset_t before_{};
};

}  // namespace antler::cli
