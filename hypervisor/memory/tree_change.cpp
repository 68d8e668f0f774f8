// Taking away, changing, splitting and merging what a tree maps.
#include <algorithm>

#include "memory/tree.hpp"

namespace antler::memory {

using isa::Permissions;
using isa::Pte;

namespace {

// What the number in an entry grows by when its page moves up so many bytes.
constexpr u64 ppn_step(u64 bytes) {
    return bytes / page_bytes << Pte::ppn::low;
}
constexpr u64 group_step = ppn_step(Pte::napot_bytes);

}  // namespace

template <isa::Xlen X>
void TreeOf<X>::free_table(Hpa table, FlushDebt& debt) {
    debt.request_.add_all();  // a fence for an address leaves entries that are not leaves
    frames_->retire({table, page_bytes}, debt.freed_);
}

// Of a table that is in no tree yet: whoever puts it there shows all of its entries at once.
template <isa::Xlen X>
void TreeOf<X>::fill_table(Hpa table, unsigned level, Pte first, u64 entry_step, u64 sixteen_step) {
    auto next = first.raw;
    auto* each = &entry(table, 0);
    for (auto* const end = each + scheme().entries(level); each != end; next += sixteen_step) {
        for (auto* const group_end = each + group_entries; each != group_end; next += entry_step)
            *each++ = static_cast<Entry>(next);
    }
}

// The same translation before and after each store.
template <isa::Xlen X>
Result<void> TreeOf<X>::split_leaf(Place const& place, FlushDebt& debt) {
    auto pte = place.pte;
    if (place.level == 0) {
        // Sixteen entries, each of which says what the group said.  A neighbour that is still the group's may
        // be read until the fence, so the fence covers them all. [norm:Svnapot_cache_entries]
        for (u64 i = 0; i < group_entries; ++i) {
            auto now = load(place.table, place.index + i);
            while (!replace(place, place.index + i, now,
                            make_leaf(pte.target() + i * page_bytes, attributes_of(now), false))) {
            }
        }
        debt.request_.add_range(place.base, place.bytes);
        return {};
    }
    auto page = TRY(frames_->take(Pool::house, order_4k, owner_));
    auto const table = PageMaker::unmake(std::move(page)).start;
    auto const level = place.level - 1;
    auto const step = scheme().leaf_bytes(level);
    bool const napot = level == 0 && kind_.extensions.svnapot;
    do {
        // A group's sixteen entries are equal; others step by what one covers.
        fill_table(table, level, make_leaf(pte.target(), attributes_of(pte), napot),
                   napot ? 0 : ppn_step(step), napot ? group_step : 0);
    } while (!replace(place, place.index, pte, Pte::table(table)));
    debt.request_.add_all();
    return {};
}

template <isa::Xlen X>
Result<bool> TreeOf<X>::fit_leaf(Place const& place, Stretch const& rest, FlushDebt& debt) {
    bool const fits = place.base >= rest.start && place.bytes <= rest.size - (place.base - rest.start);
    if (!fits) TRY(split_leaf(place, debt));
    return fits;
}

template <isa::Xlen X>
void TreeOf<X>::clear_leaf(Place const& place, FlushDebt& debt) {
    auto const entries = place.pte.is_napot() ? group_entries : 1;
    for (u64 i = 0; i < entries; ++i) store(place.table, place.index + i, {});
    debt.request_.add_range(place.base, place.bytes);
    if (kind_.keeps_frames && attributes_of(place.pte).holding != Holding::borrowed)
        frames_->retire({Hpa{place.pte.target()}, place.bytes}, debt.freed_);
}

// Frees the tables above an address that have nothing in them any more.
template <isa::Xlen X>
void TreeOf<X>::prune(u64 at, FlushDebt& debt) {
    for (unsigned level = 0; level < scheme().root_level(); ++level) {
        auto const above = find(at, level + 1);
        if (above.level != level + 1 || !above.pte.is_table()) continue;
        Hpa const table{above.pte.target()};
        for (u64 i = 0; i < scheme().entries(level); ++i)
            if (load(table, i).is_valid()) return;
        store(above.table, above.index, {});
        free_table(table, debt);
    }
}

// Takes what an entry covers off the front of `rest`.  A table is left behind; an earlier step may have
// emptied it.
template <isa::Xlen X>
void TreeOf<X>::pass(Stretch& rest, Place const& place, FlushDebt& debt) {
    auto const last = rest.start;
    auto const skipped = std::min(place.base + place.bytes - rest.start, rest.size);
    rest.start += skipped;
    rest.size -= skipped;
    if (place.level == scheme().root_level()) return;
    bool const leaves_table = (rest.start & (scheme().leaf_bytes(place.level + 1) - 1)) == 0;
    if (rest.size == 0 || leaves_table) prune(last, debt);
}

template <isa::Xlen X>
FlushDebt TreeOf<X>::hide(Stretch range) {
    VERIFY(!kind_.keeps_frames && reaches(range));
    FlushDebt debt{*frames_};
    while (range.size != 0) {
        auto place = find(range.start, 1);
        bool const is_table = place.level == 1 && place.pte.is_table();
        if (is_table && place.base == range.start && place.bytes <= range.size) {
            store(place.table, place.index, {});
            free_table(Hpa{place.pte.target()}, debt);
        } else {
            if (is_table) place = find(range.start);
            if (place.pte.is_valid()) {
                VERIFY(place.base == range.start && place.bytes <= range.size);
                clear_leaf(place, debt);
            }
        }
        pass(range, place, debt);
    }
    return debt;
}

template <isa::Xlen X>
Result<FlushDebt> TreeOf<X>::unmap_step(Stretch& rest) {
    if (((rest.start | rest.size) & (page_bytes - 1)) != 0) return Err{Error::misaligned};
    if (rest.size != 0 && !reaches(rest)) return Err{Error::out_of_range};
    FlushDebt debt{*frames_};
    for (u64 budget = entries_a_step; rest.size != 0 && budget != 0; --budget) {
        auto const place = find(rest.start);
        if (place.pte.is_valid()) {
            auto const fits = fit_leaf(place, rest, debt);
            if (!fits) {
                // What was done so far counts; the next step fails at once.
                if (debt.request_.is_nothing()) return Err{fits.error()};
                break;
            }
            if (!fits.value()) continue;
            clear_leaf(place, debt);
        }
        pass(rest, place, debt);
    }
    return debt;
}

template <isa::Xlen X>
Result<FlushDebt> TreeOf<X>::change_step(Stretch& rest, std::optional<Permissions> may, bool dirty) {
    if (((rest.start | rest.size) & (page_bytes - 1)) != 0) return Err{Error::misaligned};
    if (rest.size != 0 && !reaches(rest)) return Err{Error::out_of_range};
    if (may && !can_be_leaf(*may)) return Err{Error::not_supported};
    FlushDebt debt{*frames_};
    for (u64 budget = entries_a_step; rest.size != 0 && budget != 0; --budget) {
        auto const place = find(rest.start);
        auto const skipped = std::min(place.base + place.bytes - rest.start, rest.size);
        if (place.pte.is_valid()) {
            auto how = attributes_of(place.pte);
            how.may = may.value_or(how.may);
            how.dirty = dirty;
            if (how.holding == Holding::shared) how.may.write = false;
            if (!can_be_leaf(how.may)) how.may.read = true;
            // Of a group every page has its own D.
            if (place.pte.is_napot() || how != attributes_of(place.pte)) {
                auto const fits = fit_leaf(place, rest, debt);
                if (!fits) {
                    if (debt.request_.is_nothing()) return Err{fits.error()};
                    break;
                }
                if (!fits.value()) continue;
                auto const wanted = make_leaf(place.pte.target(), how, place.pte.is_napot());
                for (u64 i = 0; i < (place.pte.is_napot() ? group_entries : 1); ++i)
                    store(place.table, place.index + i, wanted);
            }
            debt.request_.add_range(rest.start, skipped);
        }
        rest.start += skipped;
        rest.size -= skipped;
    }
    return debt;
}

template <isa::Xlen X>
Result<FlushDebt> TreeOf<X>::split(u64 at, u64 bytes) {
    if (!reaches({at, 1})) return Err{Error::out_of_range};
    FlushDebt debt{*frames_};
    while (true) {
        auto const place = find(at);
        if (!place.pte.is_valid()) {
            if (debt.request_.is_nothing()) return Err{Error::not_found};
            return debt;
        }
        if (place.bytes <= std::max(bytes, page_bytes)) return debt;
        auto const done = split_leaf(place, debt);
        if (done) continue;
        if (debt.request_.is_nothing()) return Err{done.error()};
        return debt;  // smaller than it was, and still right
    }
}

// Sixteen single pages in a row become a group.
template <isa::Xlen X>
void TreeOf<X>::merge_group(Place const& place, FlushDebt& debt) {
    auto const first_index = place.index & ~(group_entries - 1);
    auto const first = load(place.table, first_index);
    if (!first.is_valid() || first.is_napot() || (first.target() & (Pte::napot_bytes - 1)) != 0) return;
    auto const how = attributes_of(first);
    if (!how.dirty) return;
    for (u64 i = 1; i < group_entries; ++i)
        if (load(place.table, first_index + i) != make_leaf(first.target() + i * page_bytes, how, false))
            return;
    auto const group = make_leaf(first.target(), how, true);
    for (u64 i = 0; i < group_entries; ++i) store(place.table, first_index + i, group);
    debt.request_.add_range(place.base & ~(Pte::napot_bytes - 1), Pte::napot_bytes);
}

// A table whose entries are one stretch with one set of attributes becomes a leaf by one store.
template <isa::Xlen X>
bool TreeOf<X>::merge_table(Place const& place, FlushDebt& debt) {
    Hpa const table{place.pte.target()};
    auto const level = place.level - 1;
    auto const first = load(table, 0);
    if (!first.is_valid() || !first.is_leaf()) return false;
    auto const how = attributes_of(first);
    if ((first.target() & (place.bytes - 1)) != 0 || !how.dirty) return false;  // no hart writes D meanwhile
    auto single = make_leaf(first.target(), how, false).raw;
    auto group = level == 0 && kind_.extensions.svnapot ? make_leaf(first.target(), how, true).raw : single;
    auto const step = ppn_step(scheme().leaf_bytes(level));
    for (u64 i = 0; i < scheme().entries(level); ++i) {
        auto const raw = load(table, i).raw;
        if (raw != single && raw != group) return false;
        single += step;
        if (i % group_entries == group_entries - 1) group += group_step;
        if (level != 0 || !kind_.extensions.svnapot) group = single;
    }
    store(place.table, place.index, make_leaf(first.target(), how, false));
    free_table(table, debt);
    return true;
}

template <isa::Xlen X>
FlushDebt TreeOf<X>::merge(u64 at, u64 most) {
    FlushDebt debt{*frames_};
    if (!reaches({at, 1})) return debt;
    for (unsigned level = 1; level <= std::min(scheme().root_level(), kind_.highest_leaf); ++level) {
        auto const place = find(at, level);
        if (place.level != level || !place.pte.is_table()) continue;
        if (place.bytes <= most && merge_table(place, debt)) continue;
        if (level == 1 && most >= Pte::napot_bytes && kind_.extensions.svnapot) merge_group(find(at), debt);
        break;
    }
    return debt;
}

template <isa::Xlen X>
FlushDebt TreeOf<X>::destroy_step(bool& done) {
    FlushDebt debt{*frames_};
    auto const all = u64{1} << scheme().address_bits();
    if (destroyed_ != all) {
        Stretch rest{destroyed_, all - destroyed_};
        debt.join(unmap_step(rest).value());  // whole leaves only: nothing is split, so nothing fails
        destroyed_ = rest.start;
    }
    done = destroyed_ == all;
    if (done) {
        debt.request_.add_all();
        frames_->retire({root_, scheme().table_bytes(scheme().root_level())}, debt.freed_);
        frames_ = nullptr;
        has_gaps_ = false;
    }
    return debt;
}

// The rest of the class is in tree.cpp.
template FlushDebt TreeOf<isa::Xlen::rv64>::destroy_step(bool&);
template Result<FlushDebt> TreeOf<isa::Xlen::rv64>::unmap_step(Stretch&);
template FlushDebt TreeOf<isa::Xlen::rv64>::hide(Stretch);
template Result<FlushDebt> TreeOf<isa::Xlen::rv64>::change_step(Stretch&, std::optional<Permissions>, bool);
template Result<FlushDebt> TreeOf<isa::Xlen::rv64>::split(u64, u64);
template FlushDebt TreeOf<isa::Xlen::rv64>::merge(u64, u64);
#if !defined(__riscv)
template FlushDebt TreeOf<isa::Xlen::rv32>::destroy_step(bool&);
template Result<FlushDebt> TreeOf<isa::Xlen::rv32>::unmap_step(Stretch&);
template FlushDebt TreeOf<isa::Xlen::rv32>::hide(Stretch);
template Result<FlushDebt> TreeOf<isa::Xlen::rv32>::change_step(Stretch&, std::optional<Permissions>, bool);
template Result<FlushDebt> TreeOf<isa::Xlen::rv32>::split(u64, u64);
template FlushDebt TreeOf<isa::Xlen::rv32>::merge(u64, u64);
#endif

}  // namespace antler::memory
