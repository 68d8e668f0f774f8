// Characters in and out of the board's console.
#include "boot/console.hpp"

#include <algorithm>
#include <utility>

namespace antler::boot {
namespace {

// A port that stays busy this long is broken; the rest of the text is lost, and nobody waits for it.
constexpr u32 longest_wait = 1'000'000;
constexpr u32 longest_wait_for_firmware = 1'000;

}  // namespace

usize Console::offer(std::string_view text) const {
    if (serial_) return serial_->send_some(text, text.size());
    if (firmware_ == nullptr || text.empty()) return text.size();
    return std::min(firmware_->console_write(text), text.size());
}

usize Console::put(std::string_view text) const {
    auto const limit = serial_ ? longest_wait : longest_wait_for_firmware;
    usize count = 0;
    for (u32 waited = 0; count < text.size() && waited < limit; ++waited) {
        auto const taken = offer(text.substr(count));
        count += taken;
        if (taken != 0) waited = 0;
    }
    return count;
}

void Console::write(std::string_view text) {
    if (backlog_ == nullptr) {
        (void)put(text);
        return;
    }
    backlog_->write(text, [this](std::string_view some) { return offer(some); });
    choose_interrupts();
}

void Console::drain() {
    if (backlog_ == nullptr || backlog_->empty()) return;
    backlog_->drain([this](std::string_view some) { return offer(some); });
    choose_interrupts();
}

void Console::flush(backend::PortBacklog& backlog) const {
    bool takes = true;
    while (takes && !backlog.empty())
        backlog.drain([&](std::string_view some) {
            auto const taken = put(some);
            takes = taken == some.size();
            return taken;
        });
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
    listening_ = on;
    choose_interrupts();
}

void Console::choose_interrupts() {
    if (!serial_) return;
    bool const waits = backlog_ != nullptr && !backlog_->empty();
    auto const wanted = (listening_ ? 1u : 0u) | (waits ? 2u : 0u);
    if (std::exchange(chosen_, wanted) != wanted) serial_->interrupt_on(listening_, waits);
}

}  // namespace antler::boot
