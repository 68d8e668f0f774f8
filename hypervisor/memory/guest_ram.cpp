// Filling a VM's RAM.
#include "memory/guest_ram.hpp"

namespace antler::memory {

Result<bool> GuestRam::fill_step(HartView& view, u64 bytes) {
    // What is mapped already (an image in its place) is passed over.
    while (!job_ && filled_ != range_.size) {
        auto const at = range_.start + filled_;
        auto const there = space_.lookup(at);
        if (!there) break;
        filled_ += std::min(there->leaf_start + there->leaf_bytes - at.raw(), range_.size - filled_);
    }
    if (filled_ == range_.size) return true;
    auto const at = range_.start + filled_;
    if (!job_) {
        // From here on, so nothing is left behind.
        auto const room = space_.room_around(at, {at, range_.size - filled_}, max_order.bytes());
        if (room == 0) return Err{Error::bad_state};
        job_.emplace(
            TRY(space_.frames().take_up_to(Pool::guest, largest_order(room, at.raw()), space_.owner())));
    }
    if (!job_->step(view, bytes)) return false;
    auto page = std::move(*job_).finish();
    job_.reset();
    auto const size = page.bytes();
    TRY(space_.map(at, std::move(page)));
    filled_ += size;
    return filled_ == range_.size;
}

void GuestRam::abandon_fill() {
    if (!job_) return;
    space_.frames().give_back(std::move(*job_).abandon());
    job_.reset();
}

Result<Populated> GuestRam::populate(HartView& view, Gpa at) {
    if (!contains(at)) return Err{Error::out_of_range};
    Populated done{};
    auto const came_second = [&] {
        done.was_there = true;
        done.stale.add_all();  // a table may be new as well
        view.catch_up(space_);
        return done;
    };
    auto const room = space_.room_around(at, range_, granule_bytes);
    if (room == 0) return space_.lookup(at) ? Result<Populated>{came_second()} : Err{Error::bad_state};
    auto page = TRY(space_.frames().take_up_to(Pool::guest, largest_order(room, 0), space_.owner()));
    auto clean = zero(std::move(page), view);
    auto const start = at.align_down(clean.bytes());
    done.bytes = clean.bytes();
    // On failure the page is with Frames again.
    auto const added_tables =
        space_.map_block(start, PageMaker::unmake(std::move(clean)), isa::Permissions::all(), Holding::owned);
    if (!added_tables) {
        if (added_tables.error() == Error::already_exists) return came_second();
        return Err{added_tables.error()};
    }
    done.stale.add_range(start.raw(), done.bytes);
    if (added_tables.value()) {
        done.stale.add_all();
        view.catch_up(space_);
    }
    return done;
}

}  // namespace antler::memory
