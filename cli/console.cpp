// What passes between the person in front of us and the machine's serial port.
#include "cli/console.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/failure.hpp"

namespace antler::cli {

Typed split_at_escape(std::string_view typed) {
    auto const at = typed.find(escape_key);
    if (at == std::string_view::npos) return {typed, false};
    return {typed.substr(0, at), true};
}

void CrashDetector::saw(std::string_view output) {
    constexpr std::size_t longest = 200;  // no line of interest is longer
    for (char const c : output) {
        if (c == '\n' || c == '\r') {
            judge_line();
            line_.clear();
        } else if (line_.size() < longest) {
            line_ += c;
        }
    }
}

void CrashDetector::judge_line() {
    constexpr std::string_view mark = "antler: ";
    std::string_view line = line_;
    if (!line.starts_with(mark)) return;
    line.remove_prefix(mark.size());
    auto const name = line.find(": ");
    auto const what = name == std::string_view::npos ? std::string_view{} : line.substr(name + 2);
    crashed_ = crashed_ || line.starts_with("panic on hart ") || what == "crashed" ||
               what.starts_with("cannot be created");
}

NamePainter::NamePainter(std::vector<std::string> const& names) {
    for (auto const& name : names) names_.push_back("[" + name + "]");
}

std::string NamePainter::paint(std::string_view said) {
    if (names_.empty()) return std::string{said};
    std::string out;
    for (char const c : said) take(c, out);
    return out;
}

void NamePainter::take(char c, std::string& out) {
    constexpr std::array<std::string_view, 6> colours{"\x1b[36m", "\x1b[33m", "\x1b[35m",
                                                      "\x1b[32m", "\x1b[34m", "\x1b[31m"};
    if (at_start_) {
        auto const found = c == ' ' || c == '+' ? std::ranges::find(names_, held_) : names_.end();
        held_ += c;
        if (found != names_.end()) {
            out += colours[static_cast<std::size_t>(found - names_.begin()) % colours.size()];
            out += *found;
            out += "\x1b[0m";
            out += c;
        } else if (std::ranges::any_of(names_,
                                       [this](auto const& name) { return name.starts_with(held_); })) {
            return;
        } else {
            out += held_;
        }
        held_.clear();
    } else {
        out += c;
    }
    at_start_ = c == '\n' || (at_start_ && c == '\r');
}

bool wants_colours(int fd) {
    auto const* const no = std::getenv("NO_COLOR");
    return ::isatty(fd) == 1 && (no == nullptr || *no == '\0');
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
