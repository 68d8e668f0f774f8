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
    unmark(console);
    slots_[console.slot] = nullptr;
    if (at_port_ == &console) at_port_ = nullptr;
    console.slot = Console::nowhere;
    console.watched = false;
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
    if (!console.watched) return false;
    mark(console);
    return !std::exchange(told_, true);
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
    if (console.owner == ConsoleOwner::channel && console.watched) {
        console.owner_changed = true;
        mark(console);
    }
    console.owner = owner;
}

void ConsoleHub::own_by_channel(Console& console, bool take) {
    if (!has_input(console)) return;
    if (take) {
        console.owner = ConsoleOwner::channel;
        console.owner_changed = false;
    } else if (console.owner == ConsoleOwner::channel) {
        console.owner = at_port_ == &console ? ConsoleOwner::port : ConsoleOwner::nobody;
    }
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

void ConsoleHub::watch(Console& console, u64 history) {
    console.watched = true;
    console.owner_changed = false;
    auto const kept = console.said.kept();
    console.sent = console.said.written() - std::min<u64>(history, kept);
    if (console.sent != console.said.written()) mark(console);
}

void ConsoleHub::unwatch(Console& console) {
    own_by_channel(console, false);
    console.watched = false;
    console.owner_changed = false;
    unmark(console);
}

void ConsoleHub::unwatch_all() {
    for (usize slot = 0; slot < used_; ++slot)
        if (slots_[slot] != nullptr) unwatch(*slots_[slot]);
}

Console* ConsoleHub::next_unheard() {
    for (usize step = 0; step <= unheard_.size(); ++step) {
        auto const word = (turn_ / word_bits + step) % unheard_.size();
        auto bits = unheard_[word];
        if (step == 0) bits &= ~u64{0} << turn_ % word_bits;
        if (bits == 0) continue;
        auto const slot = word * word_bits + static_cast<usize>(std::countr_zero(bits));
        turn_ = (slot + 1) % most_consoles;
        return slots_[slot];
    }
    return nullptr;
}

bool ConsoleHub::rest() {
    for (auto const word : unheard_)
        if (word != 0) return false;
    told_ = false;
    return true;
}

ScrollBack::Piece ConsoleHub::hear(Console& console, std::span<u8> into) {
    auto const piece = console.said.read(console.sent, into);
    console.sent = piece.position + piece.size;
    if (console.sent == console.said.written() && !console.owner_changed) unmark(console);
    return piece;
}

void ConsoleHub::owner_told(Console& console) {
    console.owner_changed = false;
    if (console.sent == console.said.written()) unmark(console);
}

}  // namespace antler::backend
