// Slots, owners and turns of the consoles.
#include "backend/console_hub.hpp"

#include <bit>
#include <utility>

namespace antler::backend {
namespace {

constexpr u32 slot_bits = 9;
static_assert(usize{1} << slot_bits == ConsoleHub::most_consoles);

// The log says what the hypervisor has to say, and listens to nobody.
bool has_input(Console const& console) {
    return console.kind != ConsoleKind::log;
}

}  // namespace

bool ConsoleHub::add(Console& console) {
    usize slot = 0;
    while (slot < slots_.size() && slots_[slot] != nullptr) ++slot;
    if (slot == slots_.size()) return false;
    slots_[slot] = &console;
    used_ = std::max(used_, slot + 1);
    console.slot = static_cast<u32>(slot);
    console.handle = ++generation_ << slot_bits | console.slot;
    return true;
}

void ConsoleHub::remove(Console& console) {
    if (console.slot == Console::nowhere) return;
    for (u32 channel = 0; channel < most_channels; ++channel) unmark(console, channel);
    slots_[console.slot] = nullptr;
    if (at_port_ == &console) at_port_ = nullptr;
    console.slot = Console::nowhere;
    console.ears = {};
}

Console* ConsoleHub::find(std::string_view vm, u32 index) const {
    for (usize slot = 0; slot < used_; ++slot)
        if (auto* const console = slots_[slot];
            console != nullptr && console->index == index && console->vm == vm)
            return console;
    return nullptr;
}

Console* ConsoleHub::by_handle(u32 handle) const {
    auto* const console = slots_[handle % most_consoles];
    return console != nullptr && console->handle == handle ? console : nullptr;
}

Console* ConsoleHub::from_slot(usize slot) const {
    while (slot < used_ && slots_[slot] == nullptr) ++slot;
    return slot < used_ ? slots_[slot] : nullptr;
}

bool ConsoleHub::write(Console& console, std::string_view text) {
    console.said.write(text);
    bool wake = false;
    for (u32 channel = 0; channel < most_channels; ++channel) {
        if (!console.ears[channel].open) continue;
        mark(console, channel);
        wake = !std::exchange(listeners_[channel].told, true) || wake;
    }
    return wake;
}

usize ConsoleHub::type(Console& console, ConsoleOwner who, std::span<u8 const> bytes) {
    if (console.owner != who || !has_input(console)) return 0;
    usize count = 0;
    while (count < bytes.size() && console.typed.push(bytes[count])) ++count;
    console.accepted += count;
    return count;
}

usize ConsoleHub::take_typed(Console& console, std::span<u8> into) {
    usize count = 0;
    for (; count < into.size(); ++count) {
        auto const byte = console.typed.pop();
        if (!byte) break;
        into[count] = *byte;
    }
    return count;
}

void ConsoleHub::change_owner(Console& console, ConsoleOwner owner) {
    if (console.owner == owner) return;
    for (u32 channel = 0; channel < most_channels; ++channel) {
        if (console.owner != owner_of(channel) || !console.ears[channel].open) continue;
        console.ears[channel].owner_changed = true;
        mark(console, channel);
    }
    console.owner = owner;
}

void ConsoleHub::own_by_channel(Console& console, u32 channel) {
    if (!has_input(console)) return;
    change_owner(console, owner_of(channel));
    console.ears[channel].owner_changed = false;
}

void ConsoleHub::disown(Console& console, u32 channel) {
    if (console.owner == owner_of(channel))
        console.owner = at_port_ == &console ? ConsoleOwner::port : ConsoleOwner::nobody;
}

void ConsoleHub::put_at_port(Console* console) {
    if (at_port_ != nullptr && at_port_ != console && at_port_->owner == ConsoleOwner::port)
        at_port_->owner = ConsoleOwner::nobody;
    at_port_ = console;
    if (console != nullptr) change_owner(*console, ConsoleOwner::port);
}

Console* ConsoleHub::rotate_port() {
    auto const start = at_port_ != nullptr ? at_port_->slot + 1 : 0;
    for (usize step = 0; step < used_; ++step) {
        auto* const console = slots_[(start + step) % used_];
        if (console == nullptr || !has_input(*console)) continue;
        put_at_port(console);
        return console;
    }
    return nullptr;
}

void ConsoleHub::watch(Console& console, u32 channel, u64 history) {
    auto const kept = console.said.kept();
    console.ears[channel] = {.open = true, .heard = console.said.written() - std::min<u64>(history, kept)};
    if (console.ears[channel].heard != console.said.written()) mark(console, channel);
}

void ConsoleHub::unwatch(Console& console, u32 channel) {
    disown(console, channel);
    console.ears[channel] = {};
    unmark(console, channel);
}

void ConsoleHub::unwatch_all(u32 channel) {
    for (usize slot = 0; slot < used_; ++slot)
        if (slots_[slot] != nullptr) unwatch(*slots_[slot], channel);
}

Console* ConsoleHub::next_unheard(u32 channel) {
    auto& listener = listeners_[channel];
    auto const& unheard = listener.unheard;
    for (usize step = 0; step <= unheard.size(); ++step) {
        auto const word = (listener.turn / word_bits + step) % unheard.size();
        auto bits = unheard[word];
        if (step == 0) bits &= ~u64{0} << listener.turn % word_bits;
        if (bits == 0) continue;
        auto const slot = word * word_bits + static_cast<usize>(std::countr_zero(bits));
        listener.turn = (slot + 1) % most_consoles;
        return slots_[slot];
    }
    return nullptr;
}

bool ConsoleHub::rest(u32 channel) {
    auto& listener = listeners_[channel];
    for (auto const word : listener.unheard)
        if (word != 0) return false;
    listener.told = false;
    return true;
}

void ConsoleHub::unmark_if_heard(Console const& console, u32 channel) {
    auto const& ear = console.ears[channel];
    if (ear.heard == console.said.written() && !ear.owner_changed) unmark(console, channel);
}

ScrollBack::Piece ConsoleHub::hear(Console& console, u32 channel, std::span<u8> into) {
    auto& ear = console.ears[channel];
    auto const piece = console.said.read(ear.heard, into);
    ear.heard = piece.position + piece.size;
    unmark_if_heard(console, channel);
    return piece;
}

void ConsoleHub::owner_told(Console& console, u32 channel) {
    console.ears[channel].owner_changed = false;
    unmark_if_heard(console, channel);
}

}  // namespace antler::backend
