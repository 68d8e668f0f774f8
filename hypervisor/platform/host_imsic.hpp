// A hart's own interrupt file: what the board's wires send there, and calls of other harts.
#pragma once

#include <array>

#include "base/address.hpp"
#include "base/result.hpp"
#include "hart/fence.hpp"
#include "hart/own_file.hpp"
#include "platform/host_aplic.hpp"
#include "platform/mmio.hpp"

namespace antler::platform {

class HostImsic {
public:
    // Most urgent of all: work of another hart waits for it.
    static constexpr u16 call_identity = 1;

    HostImsic(BoardImsic const& board, Hpa file, HostAplics& wires)
        : file_{file},
          hart_index_{board.layout.hart_index(file)},
          identities_{board.identities},
          wires_{&wires} {}

    // Gives the wire an identity of this hart; it counts when open() was called the next time.
    [[nodiscard]] Result<void> enable(BoardWire wire);
    // For a device that sends messages itself: which, and where to.  It is served as the line `line`, which
    // no wire has, and counts like a wire.
    struct Message {
        Hpa to{};
        u32 data = 0;
    };
    [[nodiscard]] Result<Message> enable_message(u16 line);
    // On the hart itself.  Messages that wait stay.
    void open() const;

    // Another hart's stores come before the call.                                                 [aia IPIs]
    void call() const {
        hart::fence_io();
        mmio_write<u32>(file_ + isa::seteipnum_le, call_identity);
    }

    // From any hart, of a wire that was enabled here.
    void open(BoardWire wire) const { (*wires_)[wire.controller].open(wire); }
    void close(u32 line) const { (*wires_)[line >> 10].close(line & isa::aplic::most_sources); }
    [[nodiscard]] bool is_high(BoardWire wire) const {
        return (*wires_)[wire.controller].is_high(wire.source);
    }

    enum class Came : u8 { nothing, call, wire };
    struct Claimed {
        Came what{};
        u32 line = 0;  // BoardWire::line()
        bool is_level = false;
    };
    // On the hart itself: what is next.
    [[nodiscard]] Claimed claim() const {
        auto const identity = hart::claim_from_own_file();
        if (identity == call_identity) return {Came::call};
        if (identity == 0 || identity >= lines_.size() || lines_[identity] == 0) return {};
        return {Came::wire, lines_[identity], (levels_ >> identity & 1) != 0};
    }
    // Its device was served.
    void complete(Claimed const& claimed) const {
        if (claimed.is_level)
            (*wires_)[claimed.line >> 10].look_again(claimed.line & isa::aplic::most_sources);
    }

private:
    [[nodiscard]] Result<u16> give_identity(u32 line);
    // As many as every file has, and more than an InterruptTable.
    static constexpr u32 used_identities = isa::fewest_identities;

    Hpa file_;
    u32 hart_index_;
    u32 identities_;
    HostAplics* wires_;
    u64 enabled_ = u64{1} << call_identity;  // by identity
    u64 levels_ = 0;                         // by identity: its wire is not edge-sensitive
    u16 next_identity_ = call_identity + 1;
    std::array<u16, used_identities + 1> lines_{};
};

}  // namespace antler::platform
