// How the host program ends when something is wrong: one sentence, and an exit code that says whose fault it
// is.
#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

namespace antler::cli {

enum class ExitCode : int {
    success = 0,
    internal = 1,   // ours, or the machine's: a tool that is missing, a disk that is full
    bad_input = 2,  // what the user wrote: a description, an option, a file
    crashed = 3,    // a VM crashed, or the hypervisor did
    timeout = 4,    // --timeout struck
};

// For the help and the man page.
struct ExitMeaning {
    std::string_view code;
    std::string_view meaning;
};
inline constexpr std::array<ExitMeaning, 6> exit_meanings{{
    {"0", "done; of `run`: powered off, or left by ^]"},
    {"1", "the program, the computer or the hypervisor failed, or nobody answers"},
    {"2", "refused: an option, a description, no such VM, or not in its state"},
    {"3", "a VM crashed, or the hypervisor did"},
    {"4", "time was up: --timeout, or a machine that does not start or stop"},
    {"128+N", "ended by signal N"},
}};

// Thrown with a whole sentence; main() prints it and ends with the code.
class Failure : public std::runtime_error {
public:
    Failure(ExitCode code, std::string const& sentence) : std::runtime_error{sentence}, code_{code} {}
    [[nodiscard]] ExitCode code() const { return code_; }

private:
    ExitCode code_;
};

}  // namespace antler::cli
