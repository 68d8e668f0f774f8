// The RAM of one virtual machine on a fake board, with the windows through which harts see it.
#pragma once

#include "base/panic.hpp"
#include "memory/house.hpp"
#include "memory/space.hpp"
#include "memory/tags.hpp"
#include "tests/fake/memory.hpp"
#include "vm/core.hpp"
#include "vm/ram.hpp"

namespace antler::fake {

// One block of 2 MiB, so that a window shows it in one piece.
class GuestMemory {
public:
    static constexpr u64 bytes = u64{2} << 20;

    GuestMemory() {
        isa::Features const features = isa::Features::all();
        VERIFY(house_.create(board_.frames, features).ok());
        VERIFY(space_.create(isa::GStageMode::sv39x4, features).ok());
    }
    // The cores that saw it are gone, or have left it.
    ~GuestMemory() {
        while (!space_.destroy_step()) {
        }
    }
    GuestMemory(GuestMemory const&) = delete;
    GuestMemory& operator=(GuestMemory const&) = delete;

    // Gives a hart its own view of the house.
    void add(vm::Core& core) { VERIFY(core.view.create(house_, core.index).ok()); }
    void remove(vm::Core& core) {
        core.view.leave([] {});
    }
    // What windows show from now on is what this hart sees.
    void look_from(vm::Core const& core) { board_.memory.satp = core.view.satp(); }

    [[nodiscard]] vm::Ram& ram() { return ram_; }

private:
    Board board_{};
    memory::House house_{};
    memory::Tags tags_{8};
    memory::Space space_{board_.frames, tags_, memory::OwnerId{1}};
    vm::Ram ram_{space_, {vm::ram_base, bytes}};
};

}  // namespace antler::fake
