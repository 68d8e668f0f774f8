// One console of a virtual machine: what it said last, what was typed at it, and who may type.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "abi/control.hpp"
#include "base/ring.hpp"
#include "base/types.hpp"

namespace antler::backend {

// So many operators at once.
inline constexpr u32 most_channels = 4;

// Who types: nobody, the board's own serial port, or the first of the control channels, which the others
// follow.
enum class ConsoleOwner : u8 { nobody, port, channel };

[[nodiscard]] constexpr ConsoleOwner owner_of(u32 channel) {
    return static_cast<ConsoleOwner>(static_cast<u32>(ConsoleOwner::channel) + channel);
}

using ConsoleKind = abi::control::ConsoleKind;

// The scroll-back: a ring over memory that somebody gave, so that what a guest says never waits for anybody.
class ScrollBack {
public:
    struct Piece {
        u64 position = 0;  // of its first byte, counted from the first that was ever written
        usize size = 0;
    };

    [[nodiscard]] usize size() const { return ring_.size(); }
    [[nodiscard]] u64 written() const { return written_; }
    [[nodiscard]] u64 oldest() const { return oldest_; }
    [[nodiscard]] usize kept() const { return static_cast<usize>(written_ - oldest_); }

    void write(std::string_view text) {
        auto const room = ring_.size();
        if (room == 0) {
            oldest_ = written_ += text.size();
            return;
        }
        auto at = static_cast<usize>(written_ % room);
        for (char const c : text) {
            ring_[at] = static_cast<u8>(c);
            if (++at == room) at = 0;
        }
        written_ += text.size();
        if (kept() > room) oldest_ = written_ - room;
    }

    // The bytes from `from` on, or from the oldest where that is gone.
    [[nodiscard]] Piece read(u64 from, std::span<u8> into) const {
        Piece piece{std::clamp(from, oldest_, written_)};
        piece.size = static_cast<usize>(std::min<u64>(into.size(), written_ - piece.position));
        auto at = place(piece.position);
        for (auto& byte : into.first(piece.size)) {
            byte = ring_[at];
            if (++at == ring_.size()) at = 0;
        }
        return piece;
    }

    // Goes on in other memory, with as much of the end as fits; returns the old.
    [[nodiscard]] std::span<u8> move_to(std::span<u8> ring) {
        auto const keep = std::min(kept(), ring.size());
        for (u64 at = written_ - keep; at != written_; ++at)
            ring[static_cast<usize>(at % ring.size())] = ring_[place(at)];
        oldest_ = written_ - keep;
        auto const old = ring_;
        ring_ = ring;
        return old;
    }

private:
    [[nodiscard]] usize place(u64 position) const {
        return ring_.empty() ? 0 : static_cast<usize>(position % ring_.size());
    }

    std::span<u8> ring_{};
    u64 written_ = 0;
    u64 oldest_ = 0;
};

struct Console {
    static constexpr u32 nowhere = ~u32{0};

    std::string_view vm{};  // empty: the hypervisor
    u32 vm_id = nowhere;    // as its VM is numbered
    u32 index = 0;          // among the consoles of its VM
    ConsoleKind kind{};
    std::string_view label{};
    ScrollBack said{};
    std::span<u8> pages{};  // of the scroll-back, where it has some of its own
    Ring<u8, 256> typed{};  // on its way to the guest
    u64 accepted = 0;       // bytes that were typed, ever
    ConsoleOwner owner = ConsoleOwner::nobody;
    // Of the terminal where it is shown; zero: nobody has told.
    u16 columns = 0;
    u16 rows = 0;
    // Its last line at the board's port was ended by what another said, and goes on in its next.
    bool line_is_cut = false;

    // The hub's.
    u32 slot = nowhere;
    u32 handle = 0;  // never the same for two consoles
    struct Ear {
        bool open = false;           // the channel wants to hear it
        bool owner_changed = false;  // somebody took the input from the channel, which is not told yet
        u64 heard = 0;               // up to where
    };
    std::array<Ear, most_channels> ears{};
};

}  // namespace antler::backend
