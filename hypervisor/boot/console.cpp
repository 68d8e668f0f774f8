// Characters in and out of the board's console.
#include "boot/console.hpp"

namespace antler::boot {
namespace {

// A port that stays busy this long is broken; the rest of the text is lost, and nobody waits for it.
constexpr u32 longest_wait = 100'000;

}  // namespace

void Console::put(char c) {
    for (u32 waited = 0; !serial_->can_send(); ++waited)
        if (waited == longest_wait) return;
    serial_->send(c);
}

void Console::write(std::string_view text) {
    if (serial_) {
        for (char const c : text) put(c);
        return;
    }
    if (firmware_ == nullptr) return;
    while (!text.empty()) {
        auto const written = firmware_->console_write(text);
        if (written == 0 || written > text.size()) return;
        text.remove_prefix(written);
    }
}

usize Console::read(std::span<char> into) {
    if (!serial_) return firmware_ == nullptr ? 0 : firmware_->console_read(into);
    usize count = 0;
    for (; count < into.size(); ++count) {
        auto const c = serial_->receive();
        if (!c) break;
        into[count] = *c;
    }
    return count;
}

void Console::listen(bool on) {
    if (!serial_ || on == listening_) return;
    listening_ = on;
    serial_->interrupt_on(on, false);
}

}  // namespace antler::boot
