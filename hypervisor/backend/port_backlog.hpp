// What is said at the board's port and the port has not taken yet, so that nobody waits for a port.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "base/format.hpp"
#include "base/types.hpp"
#include "base/units.hpp"

namespace antler::backend {

// Not locked: whoever owns it owns its lock.  What finds no room is lost here and counted; the scroll-back
// has it.  `send(text)` answers how many bytes the port takes at once.
class PortBacklog {
public:
    static constexpr usize most = 16_KiB;
    static constexpr usize piece = 1_KiB;  // of what waits, in one go

    [[nodiscard]] bool empty() const { return head_ == tail_ && lost_ == 0; }

    template <class Send>
    void write(std::string_view text, Send&& send) {
        drain(send);
        if (empty()) text.remove_prefix(send(text));
        auto const kept = std::min(text.size(), lost_ == 0 ? most - (tail_ - head_) : 0);
        for (char const c : text.substr(0, kept)) bytes_[tail_++ % most] = c;
        lost_ += text.size() - kept;
    }

    // Sends some of what waits, the oldest first, and behind it how much was lost.
    template <class Send>
    void drain(Send&& send) {
        for (usize left = piece; left != 0 && head_ != tail_;) {
            auto const at = head_ % most;
            auto const count = std::min({tail_ - head_, most - at, left});
            auto const taken = send(std::string_view{bytes_.data() + at, count});
            head_ += taken;
            left -= taken;
            if (taken != count) return;
        }
        if (head_ != tail_ || lost_ == 0) return;
        TextBuffer<80> line;
        print(line, "\r\nantler: {} bytes were lost at this port\r\n", lost_);
        lost_ = 0;
        for (char const c : line.view()) bytes_[tail_++ % most] = c;
        drain(send);
    }

private:
    std::array<char, most> bytes_{};
    usize head_ = 0;  // both count on for ever
    usize tail_ = 0;
    u64 lost_ = 0;
};

}  // namespace antler::backend
