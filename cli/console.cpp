// What passes between the person in front of us and the machine's serial port.
#include "cli/console.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/failure.hpp"

namespace antler::cli {

Typed split_at_escape(std::string_view typed) {
    auto const at = typed.find(escape_key);
    if (at == std::string_view::npos) return {typed, false};
    return {typed.substr(0, at), true};
}

RawTerminal::RawTerminal(int fd) : fd_{fd} {
    if (::tcgetattr(fd_, &before_) != 0)
        throw Failure{ExitCode::internal,
                      std::string{"Cannot read the terminal's settings: "} + std::strerror(errno) + "."};
    auto raw = before_;
    ::cfmakeraw(&raw);
    raw.c_oflag |= OPOST | ONLCR;  // our own messages end in \n alone
    ::tcsetattr(fd_, TCSADRAIN, &raw);
}

RawTerminal::~RawTerminal() {
    ::tcsetattr(fd_, TCSADRAIN, &before_);
}

bool is_our_terminal(int fd) {
    return ::isatty(fd) == 1 && ::tcgetpgrp(fd) == ::getpgrp();
}

}  // namespace antler::cli
