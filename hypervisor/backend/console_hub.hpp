// All consoles there are: found by name or handle, one of them at the board's port, any number at each
// channel.
#pragma once

#include <array>

#include "backend/console.hpp"

namespace antler::backend {

// Not locked: whoever owns it owns its lock.  Consoles are where their VMs have them, and leave before they
// go.  Channels are below most_channels.
class ConsoleHub {
public:
    static constexpr usize most_consoles = 512;

    // False: there are too many; the console is then heard by nobody.
    [[nodiscard]] bool add(Console& console);
    void remove(Console& console);

    [[nodiscard]] Console* find(std::string_view vm, u32 index) const;
    [[nodiscard]] Console* by_handle(u32 handle) const;
    // The console in the first slot from `slot` on; nothing behind the last.
    [[nodiscard]] Console* from_slot(usize slot) const;

    // A guest says something.  True: a channel rests that should be told that there is something to hear.
    [[nodiscard]] bool write(Console& console, std::string_view text);

    // --- input

    // As many bytes as there is room for.  Who does not own the console types nothing.
    [[nodiscard]] usize type(Console& console, ConsoleOwner who, std::span<u8 const> bytes);
    [[nodiscard]] usize take_typed(Console& console, std::span<u8> into);

    // A channel takes a console's input from whoever has it.
    void own_by_channel(Console& console, u32 channel);
    // And gives it up: then the port has it back if it looks there.
    void disown(Console& console, u32 channel);

    // The console whose input the board's port is, or was until a channel took it.
    [[nodiscard]] Console* at_port() const { return at_port_; }
    void put_at_port(Console* console);
    // The next one with an input of its own, in the order of slots; nothing where there is none.
    Console* rotate_port();

    // --- what a channel hears

    void watch(Console& console, u32 channel, u64 history);
    void unwatch(Console& console, u32 channel);
    void unwatch_all(u32 channel);  // and gives up what it owns

    // A watched console with something to hear, each in its turn.
    [[nodiscard]] Console* next_unheard(u32 channel);
    // The channel goes away to other things: write() tells it when there is something.  False: there is.
    [[nodiscard]] bool rest(u32 channel);
    [[nodiscard]] ScrollBack::Piece hear(Console& console, u32 channel, std::span<u8> into);
    // The owner has changed, and the channel now knows.
    void owner_told(Console& console, u32 channel);

private:
    static constexpr usize word_bits = 64;

    struct Listener {
        std::array<u64, most_consoles / word_bits> unheard{};
        usize turn = 0;    // where next_unheard() goes on
        bool told = true;  // it will look by itself
    };

    void mark(Console const& console, u32 channel) {
        listeners_[channel].unheard[console.slot / word_bits] |= u64{1} << console.slot % word_bits;
    }
    void unmark(Console const& console, u32 channel) {
        listeners_[channel].unheard[console.slot / word_bits] &= ~(u64{1} << console.slot % word_bits);
    }
    void unmark_if_heard(Console const& console, u32 channel);
    void change_owner(Console& console, ConsoleOwner owner);

    std::array<Console*, most_consoles> slots_{};
    std::array<Listener, most_channels> listeners_{};
    usize used_ = 0;  // slots that ever were
    u32 generation_ = 0;
    Console* at_port_ = nullptr;
};

}  // namespace antler::backend
