// Filling a VM's RAM.
#include "memory/guest_ram.hpp"

namespace antler::memory {
namespace {

constexpr u64 most_at_once = 32 * granule_bytes;

}  // namespace

Result<bool> GuestRam::fill_step(HartView& view, u64 bytes) {
    // What is mapped already (an image in its place) is passed over.
    while (!job_ && filled_ != range_.size) {
        auto const at = range_.start + filled_;
        auto const there = space_.lookup_kept(at);
        if (!there) break;
        filled_ += std::min(there->leaf_start + there->leaf_bytes - at.raw(), range_.size - filled_);
    }
    if (filled_ == range_.size) return true;
    if (!colours_.any()) return fill_coloured(view, bytes);
    auto const at = range_.start + filled_;
    if (!job_) {
        // From here on, so nothing is left behind.
        auto room = space_.room_around(at, {at, range_.size - filled_}, max_order.bytes());
        if (room == 0) return Err{Error::bad_state};
        // What is not one leaf is many, and mapping them is one step.
        if (room < max_order.bytes() || space_.is_parted()) room = std::min(room, most_at_once);
        job_.emplace(
            TRY(space_.frames().take_up_to(Pool::guest, largest_order(room, at.raw()), space_.owner())));
    }
    if (!job_->step(view, bytes)) return false;
    auto page = std::move(*job_).finish();
    job_.reset();
    auto const size = page.bytes();
    TRY(put(at, std::move(page)));
    filled_ += size;
    return filled_ == range_.size;
}

// Page by page, up to `bytes` of them.
Result<bool> GuestRam::fill_coloured(HartView& view, u64 bytes) {
    for (u64 done = 0; done < bytes && filled_ != range_.size; done += page_bytes) {
        auto const at = range_.start + filled_;
        auto page = zero(TRY(space_.frames().take_coloured(Pool::guest, colours_, space_.owner())), view);
        TRY(put(at, std::move(page)));
        filled_ += page_bytes;
    }
    return filled_ == range_.size;
}

Result<void> GuestRam::put(Gpa at, Page<Zeroed>&& page) {
    return for_devices_ ? space_.keep(at, std::move(page)) : space_.map(at, std::move(page));
}

void GuestRam::abandon_fill() {
    if (!job_) return;
    space_.frames().give_back(std::move(*job_).abandon());
    job_.reset();
}

Result<bool> GuestRam::bring_step(HartView& view, Gpa at, u64 bytes) {
    if (!job_) {
        if (space_.lookup_kept(at)) return true;
        job_.emplace(TRY(begin_populate(at, granule_bytes)));
        job_at_ = at;
    }
    if (!job_->step(view, bytes)) return false;
    auto page = std::move(*job_).finish();
    job_.reset();
    TRY(finish_populate(view, job_at_, std::move(page)));
    return job_at_ == at;
}

Result<Page<Dirty>> GuestRam::begin_populate(Gpa at, u64 most) {
    if (!contains(at)) return Err{Error::out_of_range};
    auto const room = space_.room_around(at, range_, most);
    if (room == 0) return Err{space_.lookup_kept(at) ? Error::already_exists : Error::bad_state};
    if (!colours_.any()) return space_.frames().take_coloured(Pool::guest, colours_, space_.owner());
    return space_.frames().take_up_to(Pool::guest, largest_order(room, 0), space_.owner());
}

Result<Populated> GuestRam::finish_populate(HartView& view, Gpa at, Page<Zeroed>&& page) {
    auto const bytes = page.bytes();
    auto const start = at.align_down(bytes);
    // On failure the page is with Frames again.
    auto const added_tables =
        space_.map_block(start, PageMaker::unmake(std::move(page)), isa::Permissions::all(), Holding::owned);
    if (!added_tables) {
        if (added_tables.error() == Error::already_exists) return came_second(view);
        return Err{added_tables.error()};
    }
    return found(view, at, bytes, added_tables.value());
}

Result<Populated> GuestRam::show(HartView& view, Gpa at) {
    if (!contains(at)) return Err{Error::out_of_range};
    auto const added_tables = space_.show(at, range_);
    if (added_tables) return found(view, at, 0, added_tables.value());
    if (added_tables.error() == Error::already_exists) return came_second(view);
    return Err{added_tables.error()};
}

// Nothing is left behind but what this hart remembers.
Populated GuestRam::found(HartView& view, Gpa at, u64 bytes, bool added_tables) {
    Populated done{.bytes = bytes};
    done.stale.add_new(at.align_down(page_bytes).raw(),
                       page_bytes);  // one address of a leaf is enough for it
    if (added_tables) {
        done.stale.add_new_table();
        view.catch_up(space_);
    }
    return done;
}

Populated GuestRam::came_second(HartView& view) {
    Populated done{.was_there = true};
    done.stale.add_new_table();  // perhaps
    view.catch_up(space_);
    return done;
}

Result<u64> GuestRam::donate(House& house, Gpa at, HpaRange payload) {
    if (!at.is_aligned(granule_bytes) || !payload.start.is_aligned(granule_bytes)) return u64{0};
    u64 done = 0;
    for (; payload.size - done >= granule_bytes; done += granule_bytes) {
        HpaRange const granule{payload.start + done, granule_bytes};
        TRY(house.forget(granule));
        auto page = space_.frames().adopt(granule.start, order_2m, space_.owner());
        if (!page) {
            TRY(house.map_memory(granule, HouseAccess::read));  // as it was
            return Err{page.error()};
        }
        TRY(space_.map(at + done, std::move(page).value()));
    }
    return done;
}

}  // namespace antler::memory
