// How the host program ends when something is wrong: one sentence, and an exit code that says whose fault it
// is.
#pragma once

#include <stdexcept>
#include <string>

namespace antler::cli {

enum class ExitCode : int {
    success = 0,
    internal = 1,   // ours, or the machine's: a tool that is missing, a disk that is full
    bad_input = 2,  // what the user wrote: a description, an option, a file
    crashed = 3,    // a VM crashed, or the hypervisor did
    timeout = 4,    // --timeout struck
};

// Thrown with a whole sentence; main() prints it and ends with the code.
class Failure : public std::runtime_error {
public:
    Failure(ExitCode code, std::string const& sentence) : std::runtime_error{sentence}, code_{code} {}
    [[nodiscard]] ExitCode code() const { return code_; }

private:
    ExitCode code_;
};

}  // namespace antler::cli
