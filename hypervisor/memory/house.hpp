// The hypervisor's own page tables: house pages where they are, one root for each hart, the lower tables
// shared.
#pragma once

#include <array>
#include <optional>

#include "base/address.hpp"
#include "base/locked.hpp"
#include "base/result.hpp"
#include "isa/features.hpp"
#include "isa/pte.hpp"
#include "memory/frames.hpp"
#include "memory/hart_set.hpp"
#include "memory/layout.hpp"
#include "memory/physical.hpp"
#include "memory/tree.hpp"

namespace antler::memory {

// W^X: nothing is ever both.
enum class HouseAccess : u8 { none, read, read_write, read_execute };

class House {
public:
    House() = default;
    House(House const&) = delete;
    House& operator=(House const&) = delete;
    ~House() {
        state_.with([](State& state) { state.tree.abandon(); });
    }

    // Builds the tables while translation is still off: all of the house pool and the frame table read-write.
    // The image, the device tree and the pack are reserved memory, which boot maps by map_memory().
    [[nodiscard]] Result<void> create(Frames& frames, isa::Features const& features);

    // Maps reserved memory where it is.  Whole pages.
    [[nodiscard]] Result<void> map_memory(HpaRange range, HouseAccess access);
    // Registers of a device: rounded out to whole pages, read-write; does nothing where it is mapped already.
    [[nodiscard]] Result<void> map_device(HpaRange registers);
    // Changes what house pages allow; `none` makes a guard page.  Pays for it on every hart, so no lock is
    // held.
    [[nodiscard]] Result<void> protect(HpaRange range, HouseAccess access);
    // Takes reserved memory away again, before Frames adopts it.
    [[nodiscard]] Result<void> forget(HpaRange range);

    [[nodiscard]] std::optional<Mapping> lookup(Hva at);

    // For HartView: a root that follows the shared half, and goes with the hart.
    [[nodiscard]] Result<Hpa> add_root();
    [[nodiscard]] Frames& frames() const { return *frames_; }

private:
    friend Result<void> move_granule(Frames&, House&, Pool);
    struct State {
        TreeOf<isa::native> tree;
        std::array<Hpa, max_harts> roots{};
        u32 root_count = 0;
    };
    [[nodiscard]] Result<void> map(HpaRange range, HouseAccess access);
    [[nodiscard]] Result<void> change(HpaRange range, HouseAccess access);
    static void follow(State& state);

    Frames* frames_ = nullptr;
    Locked<State, Rank::vm_memory> state_;
};

// Moves one free 2 MiB stretch into `to`: unmapped, flushed on every hart, then the guests'; or mapped, then
// the house's.  The caller holds no lock.
[[nodiscard]] Result<void> move_granule(Frames& frames, House& house, Pool to);
// Moves granules until the pool has so much free memory.
[[nodiscard]] Result<void> ensure_free(Frames& frames, House& house, Pool pool, u64 bytes);

}  // namespace antler::memory
