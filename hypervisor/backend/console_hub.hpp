// All consoles there are: found by name or handle, one of them at the board's port, any number at the
// channel.
#pragma once

#include <array>

#include "backend/console.hpp"

namespace antler::backend {

// Not locked: whoever owns it owns its lock.  Consoles are where their VMs have them, and leave before they
// go.
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

    // A guest says something.  True: the channel rests, and should be told that there is something to hear.
    [[nodiscard]] bool write(Console& console, std::string_view text);

    // --- input

    // As many bytes as there is room for.  Who does not own the console types nothing.
    [[nodiscard]] usize type(Console& console, ConsoleOwner who, std::span<u8 const> bytes);
    [[nodiscard]] usize take_typed(Console& console, std::span<u8> into);

    // The channel takes a console's input, or gives it up: then the port has it back if it looks there.
    void own_by_channel(Console& console, bool take);

    // The console whose input the board's port is, or was until the channel took it.
    [[nodiscard]] Console* at_port() const { return at_port_; }
    void put_at_port(Console* console);
    // The next one with an input of its own, in the order of slots; nothing where there is none.
    Console* rotate_port();

    // --- what the channel hears

    void watch(Console& console, u64 history);
    void unwatch(Console& console);
    void unwatch_all();  // and gives up what the channel owns

    // A watched console with something to hear, each in its turn.
    [[nodiscard]] Console* next_unheard();
    // The channel goes away to other things: write() tells it when there is something.  False: there is.
    [[nodiscard]] bool rest();
    [[nodiscard]] ScrollBack::Piece hear(Console& console, std::span<u8> into);
    // The owner has changed, and the channel now knows.
    void owner_told(Console& console);

private:
    static constexpr usize word_bits = 64;

    void mark(Console const& console) {
        unheard_[console.slot / word_bits] |= u64{1} << console.slot % word_bits;
    }
    void unmark(Console const& console) {
        unheard_[console.slot / word_bits] &= ~(u64{1} << console.slot % word_bits);
    }
    void change_owner(Console& console, ConsoleOwner owner);

    std::array<Console*, most_consoles> slots_{};
    std::array<u64, most_consoles / word_bits> unheard_{};
    usize used_ = 0;  // slots that ever were
    usize turn_ = 0;  // where next_unheard() goes on
    u32 generation_ = 0;
    bool told_ = true;  // the channel will look by itself
    Console* at_port_ = nullptr;
};

}  // namespace antler::backend
