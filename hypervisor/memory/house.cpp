// Building and changing the hypervisor's own page tables.
#include "memory/house.hpp"

#include <atomic>

namespace antler::memory {

using isa::Permissions;

namespace {

constexpr isa::Scheme scheme = isa::native == isa::Xlen::rv64 ? isa::sv39 : isa::sv32;
constexpr u64 root_entries = scheme.entries(scheme.root_level());

constexpr Permissions permissions(HouseAccess access) {
    switch (access) {
        case HouseAccess::none: return {};
        case HouseAccess::read: return {true, false, false};
        case HouseAccess::read_write: return {true, true, false};
        case HouseAccess::read_execute: return {true, false, true};
    }
    return {};
}

// Every hart observes the house.
struct EveryHart {
    void flush(FlushRequest const& request) {
        flush_house(FenceSite::house_changes, request.is_all()
                                                  ? HvaRange{Hva{}, house_limit}
                                                  : HvaRange{Hva{request.start()}, request.size()});
    }
};

using Entry = isa::Word<isa::native>;

std::atomic_ref<Entry> root_entry(Hpa root, u64 index) {
    return std::atomic_ref{static_cast<Entry*>(house_view(root))[index]};
}

}  // namespace

Result<void> House::create(Frames& frames, isa::Features const& features) {
    frames_ = &frames;
    // PBMT is left to the board: firmware may not have switched it on for us. [norm:menvcfg_pbmte_op]
    TreeKind const kind{
        .scheme = scheme, .extensions = {.svnapot = features.svnapot}, .user = false, .global = true};
    TRY(state_.with([&](State& state) { return state.tree.create(frames, house_owner, kind); }));
    for (Hpa at{}; auto const range = frames.next_house_range(at); at = range->end())
        TRY(map(*range, HouseAccess::read_write));
    return map(frames.table_range(), HouseAccess::read_write);
}

// The lower half of every hart's root is that of the tree.
void House::follow(State& state) {
    for (u64 i = 0; i < root_entries / 2; ++i) {
        auto const entry = root_entry(state.tree.root(), i).load(std::memory_order_acquire);
        for (u32 r = 0; r < state.root_count; ++r) {
            auto theirs = root_entry(state.roots[r], i);
            if (theirs.load(std::memory_order_relaxed) != entry)
                theirs.store(entry, std::memory_order_release);
        }
    }
}

Result<void> House::map(HpaRange range, HouseAccess access) {
    if (range.wraps() || range.end().raw() > house_limit) return Err{Error::out_of_range};
    bool const running = TRY(state_.with([&](State& state) -> Result<bool> {
        if (TRY(state.tree.map(range.start.raw(), range, {.may = permissions(access)}))) follow(state);
        return state.root_count != 0;
    }));
    // An invalid entry may be cached, and nobody here can afford to fault on it.
    if (running) flush_house(FenceSite::house_grows, {Hva{range.start.raw()}, range.size});
    return {};
}

Result<void> House::map_memory(HpaRange range, HouseAccess access) {
    if (access == HouseAccess::none) return Err{Error::not_supported};
    return map(range, access);
}

Result<void> House::map_device(HpaRange registers) {
    if (registers.size == 0 || registers.wraps()) return Err{Error::out_of_range};
    auto at = registers.start.align_down(page_bytes);
    auto const end = registers.end().align_up(page_bytes);
    while (at < end) {
        // Up to the next page that is mapped already.
        auto run = at;
        while (run < end && !lookup(Hva{run.raw()})) run = run + page_bytes;
        if (run != at) TRY(map({at, run - at}, HouseAccess::read_write));
        at = run == at ? at + page_bytes : run;
    }
    return {};
}

Result<void> House::change(HpaRange range, HouseAccess access) {
    Stretch rest{range.start.raw(), range.size};
    while (rest.size != 0) {
        auto debt = TRY(state_.with([&](State& state) -> Result<FlushDebt> {
            auto step = access == HouseAccess::none
                            ? state.tree.unmap_step(rest)
                            : state.tree.protect_step(rest, permissions(access), true);
            if (step && step.value().request().is_all()) follow(state);  // a table may be gone
            return step;
        }));
        EveryHart everybody;
        std::move(debt).pay(everybody);
    }
    return {};
}

Result<void> House::protect(HpaRange range, HouseAccess access) {
    return change(range, access);
}
Result<void> House::forget(HpaRange range) {
    return change(range, HouseAccess::none);
}

std::optional<Mapping> House::lookup(Hva at) {
    return state_.with([&](State& state) { return state.tree.lookup(at.raw()); });
}

Result<Hpa> House::add_root() {
    auto page = TRY(frames_->take_zeroed(order_4k, house_owner));
    auto const added = state_.with([&](State& state) -> Result<Hpa> {
        if (state.root_count == max_harts) return Err{Error::full};
        auto const root = page.start();
        state.roots[state.root_count++] = root;
        follow(state);
        return root;
    });
    if (added) {
        static_cast<void>(PageMaker::unmake(std::move(page)));  // the hart has it for good
    } else {
        frames_->give_back(std::move(page));
    }
    return added;
}

Result<void> move_granule(Frames& frames, House& house, Pool to) {
    auto granule = TRY(frames.withdraw(other(to)));
    auto const moved = to == Pool::house ? house.map(granule.range(), HouseAccess::read_write)
                                         : house.forget(granule.range());
    frames.deposit(std::move(granule), moved ? to : other(to));
    return moved;
}

Result<void> ensure_free(Frames& frames, House& house, Pool pool, u64 bytes) {
    while (true) {
        auto const totals = frames.totals();
        if ((pool == Pool::house ? totals.free_house_bytes : totals.free_guest_bytes) >= bytes) return {};
        TRY(move_granule(frames, house, pool));
    }
}

}  // namespace antler::memory
