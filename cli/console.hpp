// What passes between the person (or the script) in front of us and the machine's serial port.
#pragma once

#include <termios.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace antler::cli {

inline constexpr char escape_key = 0x1d;  // ^]

// Finds the key that leaves; what was typed before it still goes to the guest.
struct Typed {
    std::string_view for_guest;
    bool leave;
};
[[nodiscard]] Typed split_at_escape(std::string_view typed);

// Finds the hypervisor's own word that something crashed.  Firmware that powers off by a generic switch, as
// QEMU's does, forgets the reason of a shutdown on the way.
class CrashDetector {
public:
    void saw(std::string_view output);
    [[nodiscard]] bool crashed() const { return crashed_; }

private:
    void judge_line();

    std::string line_{};
    bool crashed_ = false;
};

// Gives each VM's name before its lines, or before the rest of one, a colour; nothing else is changed, and
// bytes may come one by one.
class NamePainter {
public:
    explicit NamePainter(std::vector<std::string> const& names);
    [[nodiscard]] std::string paint(std::string_view said);
    // The beginning of a line that could still become a name.
    [[nodiscard]] std::string const& held() const { return held_; }

private:
    void take(char c, std::string& out);

    std::vector<std::string> names_{};  // each in its brackets
    std::string held_{};
    bool at_start_ = true;  // of a line
};
// Whether a person looks at `fd` and did not say no to colours by NO_COLOR.
[[nodiscard]] bool wants_colours(int fd);

// The terminal in raw mode, and as it was when this goes.
class RawTerminal {
public:
    explicit RawTerminal(int fd);
    ~RawTerminal();
    RawTerminal(RawTerminal const&) = delete;
    RawTerminal& operator=(RawTerminal const&) = delete;

private:
    int fd_;
    termios before_{};
};

// Whether we may read keys from `fd`: it is a terminal, and not some other job's at the moment.
[[nodiscard]] bool is_our_terminal(int fd);

}  // namespace antler::cli
