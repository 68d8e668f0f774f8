// The RAM of a virtual machine: all of it ahead in bounded steps, or a block when the guest first touches it.
#pragma once

#include <optional>

#include "base/locked.hpp"
#include "base/result.hpp"
#include "memory/hart_view.hpp"
#include "memory/space.hpp"
#include "memory/zero.hpp"

namespace antler::memory {

// What populate() did, and what this hart must fence before the guest tries again: an invalid entry may be
// cached too.  Other harts find out by a fault of their own.
struct Populated {
    bool was_there = false;  // another hart came first
    FlushRequest stale{};
    u64 bytes = 0;
};

class GuestRam {
public:
    // Of these colours every page is one leaf.  On touch, harts find memory only then, also what devices have
    // from the start.
    GuestRam(Space& space, GpaRange range, Colours const& colours = {}, bool on_touch = false)
        : space_{space}, range_{range}, colours_{colours}, for_devices_{on_touch && space.is_parted()} {}

    [[nodiscard]] Space& space() { return space_; }
    [[nodiscard]] GpaRange range() const { return range_; }
    [[nodiscard]] bool contains(Gpa at) const { return range_.contains(at); }

    // Maps zeroed memory at the first place that has none, with the largest block that fits and is free: call
    // until it says true.  A call zeroes `bytes` at most.  Devices alone get it where harts come by touch.
    [[nodiscard]] Result<bool> fill_step(HartView& view, u64 bytes);
    // Gives back a block that fill_step() or bring_step() was still zeroing.
    void abandon_fill();
    // How far fill_step() has come.
    [[nodiscard]] u64 filled_bytes() const { return filled_; }

    // One zeroed block around an address of the range: `most` bytes, or as large as fits and is free.  Calls
    // `between()` after each `step` bytes of zeroing, or only where somebody wants this hart, with no window
    // open and no lock held, so that interrupts can be taken.
    template <class Between>
    [[nodiscard]] Result<Populated> populate(HartView& view, Gpa at, u64 most, u64 step,
                                             Between const& between) {
        if (space_.is_parted()) {
            auto shown = show(view, at);
            if (shown || shown.error() != Error::not_found) return shown;
        }
        auto page = begin_populate(at, most);
        if (!page) {
            if (page.error() == Error::already_exists) return came_second(view);
            return Err{page.error()};
        }
        ZeroJob job{std::move(page).value()};
        while (!job.step(view, step)) between();
        return finish_populate(view, at, std::move(job).finish());
    }
    // The commonest: 2 MiB where nothing but their leaf is missing, which comes, unless somebody else is
    // quicker while they are zeroed.  This hart must fence one page of it, of a space that it serves; who
    // still faults there comes again.  False: it is not like that, and nothing was done.
    template <class Between>
    [[nodiscard, gnu::always_inline]] bool populate_gap(HartView& view, Gpa at, u64 step,
                                                        Between const& between) {
        auto const start = at.align_down(granule_bytes);
        if (!range_.contains(start, granule_bytes) || !colours_.any()) return false;
        auto const gap = space_.find_gap(start);
        if (gap.entry == nullptr) return false;
        auto page = space_.frames().take(Pool::guest, order_2m, space_.owner());
        if (!page) return false;
        ZeroJob job{std::move(page).value()};
        while (!job.run(view, step)) between();
        space_.fill_gap(start, gap, std::move(job).finish());
        return true;
    }
    [[nodiscard]] Result<Populated> populate(HartView& view, Gpa at) {
        return populate(view, at, granule_bytes, granule_bytes, [] {});
    }
    // The same of 2 MiB ahead, for a guest that does not run: call until it says true.  A call zeroes `bytes`
    // at most.
    [[nodiscard]] Result<bool> bring_step(HartView& view, Gpa at, u64 bytes);

    // Moves the whole granules at the front of a payload into the guest's memory where they lie, when both
    // sides are aligned; returns how many bytes that were.  The payload is reserved memory that the house
    // shows, and does not show afterwards.  The caller holds no lock.
    [[nodiscard]] Result<u64> donate(House& house, Gpa at, HpaRange payload);
    // Maps a page that the caller holds, whose contents it vouches for (an image, donated in place).
    [[nodiscard]] Result<void> place(Gpa at, Page<Filled>&& page) { return space_.map(at, std::move(page)); }

private:
    [[nodiscard]] Result<bool> fill_coloured(HartView& view, u64 bytes);
    [[nodiscard]] Result<void> put(Gpa at, Page<Zeroed>&& page);
    // Harts of a parted space get what devices have.
    [[nodiscard]] Result<Populated> show(HartView& view, Gpa at);
    [[nodiscard]] Populated found(HartView& view, Gpa at, u64 bytes, bool added_tables);
    [[nodiscard]] Result<Page<Dirty>> begin_populate(Gpa at, u64 most);
    [[nodiscard]] Result<Populated> finish_populate(HartView& view, Gpa at, Page<Zeroed>&& page);
    // Another hart did it.
    [[nodiscard]] Populated came_second(HartView& view);

    Space& space_;
    GpaRange range_;
    Colours colours_;
    bool for_devices_;
    u64 filled_ = 0;
    std::optional<ZeroJob> job_{};
    Gpa job_at_{};  // of bring_step()
};

}  // namespace antler::memory
