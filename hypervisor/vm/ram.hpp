// A VM's memory as the rest of vm/ sees it: one checked way to what a guest points at.
#pragma once

#include <span>

#include "base/address.hpp"
#include "base/result.hpp"
#include "memory/guest_ram.hpp"
#include "memory/space.hpp"
#include "vm/description.hpp"

namespace antler::vm {

struct Core;

class Ram {
public:
    Ram(memory::Space& space, GpaRange range) : ram_{space, range} {}

    // Whole ranges of RAM, copied once; an error when any byte is not RAM.  Memory on demand comes.
    [[nodiscard]] Result<void> read(Gpa at, std::span<u8> out);
    [[nodiscard]] Result<void> write(Gpa at, std::span<u8 const> in);
    [[nodiscard]] bool contains(Gpa at, u64 bytes = 1) const { return ram_.range().contains(at, bytes); }
    [[nodiscard]] bool is_mapped(Gpa at) { return ram_.space().lookup(at).has_value(); }

    // Memory for the first touch of an address, and this hart's own fence for it.
    // The guest's own touch: interrupts are served between steps, so the vCPU may have stopped afterwards.
    [[nodiscard]] Result<void> touch(Gpa at);
    // All of it, ahead.
    [[nodiscard]] Result<void> fill();
    // The same, a short step at a time; true when all of it is there.
    [[nodiscard]] Result<bool> fill_step();
    // Gives back all of it, and the tables, in bounded steps; no hart is in the space any more.
    [[nodiscard]] bool give_back_step();

    // Puts the next part of an image where it belongs, from `done` on, and moves `done`; what lies beyond its
    // file is zero.  True when all of it is there.
    [[nodiscard]] Result<bool> place_step(Segment const& segment, u64& done);

    // Makes this hart run in, and see, this memory.
    void enter(Core& core);
    [[nodiscard]] memory::Space& space() { return ram_.space(); }

private:
    [[nodiscard]] Result<void> populate(Gpa at);
    enum class Direction : u8 { to_guest, from_guest };
    [[nodiscard]] Result<void> copy(Gpa at, u8* bytes, u64 count, Direction direction);
    [[nodiscard]] Result<void> clear(Gpa at, u64 count);
    template <class Body>
    [[nodiscard]] Result<void> for_each_piece(Gpa at, u64 count, Body&& body);

    memory::GuestRam ram_;
};

// This hart's part of a flush of a space.
void flush_space(Core& core, memory::Space& space, memory::FlushRequest const& request);

}  // namespace antler::vm
