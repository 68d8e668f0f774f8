// What changes in both trees of a space, in an order in which nothing is in one that must not be.
#include "memory/parted.hpp"

#include <algorithm>

namespace antler::memory::parted {
namespace {

// What only harts walk has changed.
FlushDebt of_harts(FlushDebt&& debt) {
    debt.spare_devices();
    return std::move(debt);
}

// Afterwards no leaf of harts reaches over an edge of the stretch.
Result<void> cut(Stage2& harts, Stretch const& stretch, FlushDebt& debt) {
    if (stretch.size == 0) return {};
    for (auto const edge : {stretch.start, stretch.end()})
        for (auto leaf = harts.lookup(edge); leaf && leaf->leaf_start != edge; leaf = harts.lookup(edge))
            debt.join(of_harts(TRY(harts.split(edge, page_bytes))));
    return {};
}

// Something was done, and the rest will fail at once; or nothing was.
Result<FlushDebt> done_or(FlushDebt&& debt, Error why) {
    if (debt.request().is_nothing()) return Err{why};
    return std::move(debt);
}

}  // namespace

Result<bool> map(Stage2& harts, Stage2& devices, Gpa at, HpaRange memory, Attributes const& how) {
    auto const stock = TRY(devices.stock_for(at.raw(), memory, how));
    auto const added = harts.map(at.raw(), memory, how);
    if (!added) {
        devices.give_back(stock);
        return added;
    }
    auto marked = how;
    marked.dirty = true;
    devices.map_with(stock, at.raw(), memory, marked);
    return added;
}

Result<bool> show(Stage2& harts, Stage2 const& devices, Gpa at, GpaRange within) {
    auto const kept = devices.lookup(at.raw());
    if (!kept) return Err{Error::not_found};
    auto const room = harts.room_around(at.raw(), {within.start.raw(), within.size}, granule_bytes);
    if (room == 0) return Err{Error::already_exists};
    auto const bytes = std::min(room, kept->leaf_bytes);
    auto const start = at.align_down(bytes);
    return harts.map(start.raw(), {kept->at - (at - start), bytes}, kept->how);
}

Result<FlushDebt> unmap_step(Stage2& harts, Stage2& devices, Stretch& rest) {
    if (((rest.start | rest.size) & (page_bytes - 1)) != 0) return Err{Error::misaligned};
    FlushDebt debt{devices.frames()};
    if (auto const done = cut(harts, rest, debt); !done) return done_or(std::move(debt), done.error());
    auto const before = rest;
    auto gone = devices.unmap_step(rest);
    if (!gone) return done_or(std::move(debt), gone.error());
    debt.join(std::move(gone).value());
    // Before anybody can pay for what devices lost: it is theirs that gives the frames back.
    debt.join(of_harts(harts.hide({before.start, before.size - rest.size})));
    return debt;
}

Result<FlushDebt> protect_step(Stage2& harts, Stage2& devices, Stretch& rest, isa::Permissions may,
                               bool dirty) {
    if (((rest.start | rest.size) & (page_bytes - 1)) != 0) return Err{Error::misaligned};
    FlushDebt debt{devices.frames()};
    if (auto const done = cut(harts, rest, debt); !done) return done_or(std::move(debt), done.error());
    auto ahead = rest;
    auto changed = devices.protect_step(ahead, may, true);
    if (!changed) return done_or(std::move(debt), changed.error());
    debt.join(std::move(changed).value());
    // Harts may have many small leaves there: what they are behind is right in the devices' tree already, and
    // is only flushed again.
    Stretch part{rest.start, rest.size - ahead.size};
    auto const bytes = part.size;
    // No leaf of theirs reaches over an edge, so nothing is split and nothing fails.
    debt.join(of_harts(harts.protect_step(part, may, dirty).value()));
    rest.start += bytes - part.size;
    rest.size -= bytes - part.size;
    return debt;
}

FlushDebt merge(Stage2& harts, Stage2& devices, Gpa at) {
    auto debt = devices.merge(at.raw());
    // No leaf of harts is larger than that of devices.
    if (auto const leaf = devices.lookup(at.raw()))
        debt.join(of_harts(harts.merge(at.raw(), leaf->leaf_bytes)));
    return debt;
}

}  // namespace antler::memory::parted
