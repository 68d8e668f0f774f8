// A VM's place in the machine: what it is made from, and what it has while it lives.
#pragma once

#include <array>
#include <optional>

#include "backend/console.hpp"
#include "control/operations.hpp"
#include "control/pack_reader.hpp"
#include "memory/store.hpp"
#include "vm/vm.hpp"

namespace antler::boot {

struct System;
class Loans;

// What a VM has from its start until everything of it was given back.
struct Life {
    Life(memory::Frames& frames, memory::House& house, memory::OwnerId owner) : store{frames, house, owner} {}
    memory::Store store;  // everything here but RAM and tables
    memory::Space* space = nullptr;
    vm::Ram* ram = nullptr;
    vm::Vm* vm = nullptr;
    Loans* loans = nullptr;  // none: it owns no device of the board

    // How far it is with its end.
    enum class Stage : u8 { lives, quiet, leaves, gives_back };
    Stage stage = Stage::lives;
    bool is_last_round = false;
    u64 round = 0;  // of farewells, that it waits for
};

// All harts together say farewell to whoever leaves, in rounds.
struct Farewells {
    u64 begun = 0;
    u64 done = 0;
    std::array<u32, 64> since{};  // of each hart, when the round began
};

// One is free while it has no name.
struct Lot {
    std::string_view name{};
    std::optional<control::Pack> pack{};
    u32 index = 0;             // there
    HpaRange pack_pages{};     // its own; none: it is the board's
    HpaRange console_pages{};  // its consoles outlive its lives
    std::span<backend::Console> consoles{};
    std::optional<Life> life{};
    std::optional<abi::control::Type> doing{};  // what was asked, and is not done yet
    std::string_view last_words{};
    u32 starts = 0;
    // How far the guest was asked to end.
    u32 keys_sent = 0;
    u64 next_key_at = 0;  // host time
    u64 asked_at = 0;
    bool starting = false;  // as asked by `doing`, and this life is the one

    [[nodiscard]] bool is_free() const { return name.empty(); }
};

[[nodiscard]] memory::OwnerId owner_of(u32 id);

// What a pack says of a VM.  It is larger than a frame may be, so there is one place for it: whoever asks
// next, for any VM, writes over it.  On the boot hart.
[[nodiscard]] Result<vm::Description*> description_in(System& all, control::Pack const& pack, u32 index);
[[nodiscard]] Result<vm::Description*> description_of(System& all, Lot const& lot);

// Why something was refused, in words.
[[nodiscard]] control::Outcome refusal(Error why);

// A free place, and a lot there for the VM that has this index in the pack.  `pack_pages` become the lot's
// when it succeeds.
[[nodiscard]] Result<u32> free_lot(System const& all);
[[nodiscard]] Result<void> define_vm(System& all, u32 id, control::Pack const& pack, u32 index,
                                     HpaRange pack_pages);
// Gives back what it has while it does not live; it does not.
void undefine_vm(System& all, u32 id);

// Makes everything it lives by but what is in its RAM; on failure everything is given back.
[[nodiscard]] Result<vm::Vm*> build_vm(System& all, u32 id);
// At once, for one that was never started: no hart knows it.
void scrap_vm(System& all, u32 id);
// Takes apart what is over, or never ran, a bounded step at a time; true when there is nothing left.
[[nodiscard]] bool take_apart_step(System& all, u32 id);

}  // namespace antler::boot
