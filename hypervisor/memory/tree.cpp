// Walking and changing page-table trees.
#include "memory/tree.hpp"

#include <algorithm>
#include <array>
#include <atomic>

#include "memory/physical.hpp"

namespace antler::memory {

using isa::Permissions;
using isa::Pte;

namespace {

// Writable without readable is reserved, and a leaf that allows nothing would be a table.
constexpr bool can_be_leaf(Permissions may) {
    return may.read || (may.execute && !may.write);
}

// What the number in an entry grows by when its page moves up so many bytes.
constexpr u64 ppn_step(u64 bytes) {
    return bytes / page_bytes << Pte::ppn::low;
}
constexpr u64 group_step = ppn_step(Pte::napot_bytes);

}  // namespace

template <isa::Xlen X>
auto TreeOf<X>::entry(Hpa table, u64 index) const -> Entry& {
    return static_cast<Entry*>(house_view(table))[index];
}

template <isa::Xlen X>
Pte TreeOf<X>::load(Hpa table, u64 index) const {
    return {std::atomic_ref{entry(table, index)}.load(std::memory_order_acquire)};
}

// A hart reads an entry at any time, so each store must leave a tree that is right.
template <isa::Xlen X>
void TreeOf<X>::store(Hpa table, u64 index, Pte pte) {
    std::atomic_ref{entry(table, index)}.store(static_cast<Entry>(pte.raw), std::memory_order_release);
}

// Fails, and says what is there now, when a hart has set A or D meanwhile.
template <isa::Xlen X>
bool TreeOf<X>::replace(Place const& place, u64 index, Pte& expected, Pte wanted) {
    auto was = static_cast<Entry>(expected.raw);
    bool const done = std::atomic_ref{entry(place.table, index)}.compare_exchange_strong(
        was, static_cast<Entry>(wanted.raw), std::memory_order_acq_rel);
    expected.raw = was;
    return done;
}

template <isa::Xlen X>
Result<void> TreeOf<X>::create(Frames& frames, OwnerId owner, TreeKind kind) {
    VERIFY(frames_ == nullptr && kind.scheme.entry_bytes == sizeof(Entry));
    auto const bytes = kind.scheme.table_bytes(kind.scheme.root_level());
    auto root =
        TRY(frames.take_zeroed(largest_order(bytes, 0), owner));  // aligned to its size [norm:hgatp_ppn_op]
    root_ = PageMaker::unmake(std::move(root)).start;
    frames_ = &frames;
    owner_ = owner;
    kind_ = kind;
    destroyed_ = 0;
    return {};
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
    }
    return debt;
}

template <isa::Xlen X>
bool TreeOf<X>::reaches(Stretch range) const {
    auto const end = u64{1} << scheme().address_bits();
    return range.start < end && range.size <= end - range.start;
}

template <isa::Xlen X>
auto TreeOf<X>::find(u64 at, unsigned level) const -> Place {
    Place place{root_, 0, scheme().root_level(), {}, 0, 0};
    while (true) {
        place.index = scheme().index(at, place.level);
        place.pte = load(place.table, place.index);
        if (!place.pte.is_table() || place.level == level) break;
        place.table = Hpa{place.pte.target()};
        --place.level;
    }
    bool const napot = place.pte.is_valid() && place.pte.is_leaf() && place.pte.is_napot();
    place.bytes = napot ? Pte::napot_bytes : scheme().leaf_bytes(place.level);
    place.base = at & ~(place.bytes - 1);
    if (napot) place.index &= ~(group_entries - 1);
    return place;
}

template <isa::Xlen X>
Attributes TreeOf<X>::attributes_of(Pte pte) const {
    return {pte.may(), Pte::pbmt::get(pte.raw), static_cast<Holding>(Pte::software::get(pte.raw)),
            Pte::d::get(pte.raw)};
}

template <isa::Xlen X>
Mapping TreeOf<X>::describe(Pte pte, unsigned level, u64 at) const {
    auto const bytes = isa::covered_bytes(pte, level, scheme());
    return {Hpa{pte.target() + (at & (bytes - 1))}, at & ~(bytes - 1), bytes, attributes_of(pte)};
}

template <isa::Xlen X>
std::optional<Mapping> TreeOf<X>::lookup(u64 at) const {
    if (!reaches({at, 1})) return std::nullopt;
    auto const place = find(at);
    if (!place.pte.is_valid()) return std::nullopt;
    return describe(place.pte, place.level, at);
}

template <isa::Xlen X>
Pte TreeOf<X>::make_leaf(u64 memory, Attributes const& how, bool napot) const {
    Pte::Leaf const leaf{.may = how.may,
                         .user = kind_.user,
                         .global = kind_.global,
                         .accessed = true,
                         .dirty = how.dirty,
                         // Without Svpbmt the bits are reserved, and the board's own attributes hold.
                         .type = kind_.extensions.svpbmt ? how.type : isa::MemoryType::pma};
    auto const pte = napot ? Pte::napot(Hpa{memory}, leaf) : Pte::leaf(Hpa{memory}, leaf);
    return {Pte::software::set(pte.raw, static_cast<u64>(how.holding))};
}

template <isa::Xlen X>
void TreeOf<X>::store_leaf(Place const& place, u64 memory, Attributes const& how, bool napot) {
    auto const pte = make_leaf(memory, how, napot);
    for (u64 i = 0; i < (napot ? group_entries : 1); ++i) store(place.table, place.index + i, pte);
}

template <isa::Xlen X>
auto TreeOf<X>::piece_for(u64 at, u64 memory, u64 bytes) const -> Piece {
    auto const fits = [&](u64 leaf) { return ((at | memory) & (leaf - 1)) == 0 && bytes >= leaf; };
    for (unsigned level = scheme().root_level(); level > 0; --level)
        if (fits(scheme().leaf_bytes(level))) return {level, false, scheme().leaf_bytes(level)};
    if (kind_.extensions.svnapot && fits(Pte::napot_bytes)) return {0, true, Pte::napot_bytes};
    return {0, false, page_bytes};
}

// How many tables a map() lacks, or that something is in its way.
template <isa::Xlen X>
Result<u64> TreeOf<X>::tables_needed(u64 at, HpaRange memory) const {
    u64 count = 0;
    std::array<u64, 6> table_end{};  // by level: the new table that was counted last reaches so far
    for (u64 done = 0; done < memory.size;) {
        auto const piece = piece_for(at + done, memory.start.raw() + done, memory.size - done);
        auto const place = find(at + done, piece.level);
        if (place.pte.is_valid()) return Err{Error::already_exists};
        for (u64 i = 1; piece.napot && place.level == 0 && i < group_entries; ++i)
            if (load(place.table, place.index + i).is_valid()) return Err{Error::already_exists};
        for (unsigned level = piece.level; level < place.level; ++level) {
            if (at + done < table_end[level]) continue;
            auto const span = scheme().leaf_bytes(level + 1);
            table_end[level] = ((at + done) & ~(span - 1)) + span;
            ++count;
        }
        done += piece.bytes;
    }
    return count;
}

template <isa::Xlen X>
auto TreeOf<X>::take_stock(u64 count) -> Result<Stock> {
    Stock stock;
    for (; stock.count < count; ++stock.count) {
        auto page = frames_->take_zeroed(order_4k, owner_);
        if (!page) {
            while (stock.count != 0) {
                auto const start = take_from(stock);
                frames_->give_back(PageMaker::make<Zeroed>({start, order_4k, Pool::house, owner_}));
            }
            return Err{page.error()};
        }
        auto const start = PageMaker::unmake(std::move(page).value()).start;
        *static_cast<u64*>(house_view(start)) = stock.first.raw();
        stock.first = start;
    }
    return stock;
}

template <isa::Xlen X>
Hpa TreeOf<X>::take_from(Stock& stock) {
    VERIFY(stock.count != 0);
    auto const table = stock.first;
    stock.first = Hpa{std::exchange(*static_cast<u64*>(house_view(table)), 0)};
    --stock.count;
    return table;
}

template <isa::Xlen X>
Result<bool> TreeOf<X>::map(u64 at, HpaRange memory, Attributes const& how) {
    if (((at | memory.start.raw() | memory.size) & (page_bytes - 1)) != 0) return Err{Error::misaligned};
    if (!reaches({at, memory.size}) || memory.wraps()) return Err{Error::out_of_range};
    if (!can_be_leaf(how.may)) return Err{Error::not_supported};
    // The commonest: one leaf in a table that is there.
    auto const whole = piece_for(at, memory.start.raw(), memory.size);
    if (whole.bytes == memory.size && !whole.napot) {
        auto const place = find(at, whole.level);
        if (place.pte.is_valid()) return Err{Error::already_exists};
        if (place.level == whole.level) {
            store(place.table, place.index, make_leaf(memory.start.raw(), how, false));
            return false;
        }
    }
    auto const needed = TRY(tables_needed(at, memory));
    auto stock = TRY(take_stock(needed));
    for (u64 done = 0; done < memory.size;) {
        auto const piece = piece_for(at + done, memory.start.raw() + done, memory.size - done);
        auto place = find(at + done, piece.level);
        while (place.level > piece.level) {
            auto const table = take_from(stock);
            store(place.table, place.index, Pte::table(table));
            place.table = table;
            --place.level;
            place.index = scheme().index(at + done, place.level);
        }
        store_leaf(place, memory.start.raw() + done, how, piece.napot);
        done += piece.bytes;
    }
    VERIFY(stock.count == 0);
    return needed != 0;
}

template <isa::Xlen X>
void TreeOf<X>::free_table(Hpa table, FlushDebt& debt) {
    debt.request_.add_all();  // a fence for an address leaves entries that are not leaves
    frames_->retire({table, page_bytes}, debt.freed_);
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
        auto next = make_leaf(pte.target(), attributes_of(pte), napot).raw;
        for (u64 i = 0; i < scheme().entries(level); ++i) {
            store(table, i, {next});
            if (!napot || i % group_entries == group_entries - 1) next += napot ? group_step : ppn_step(step);
        }
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
    if (attributes_of(place.pte).holding != Holding::borrowed)
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
        auto const last = rest.start;
        auto const skipped = std::min(place.base + place.bytes - rest.start, rest.size);
        rest.start += skipped;
        rest.size -= skipped;
        // A table is left behind; an earlier step may have emptied it.
        if (place.level == scheme().root_level()) continue;
        bool const leaves_table = (rest.start & (scheme().leaf_bytes(place.level + 1) - 1)) == 0;
        if (rest.size == 0 || leaves_table) prune(last, debt);
    }
    return debt;
}

template <isa::Xlen X>
Result<FlushDebt> TreeOf<X>::protect_step(Stretch& rest, Permissions may, bool dirty) {
    if (((rest.start | rest.size) & (page_bytes - 1)) != 0) return Err{Error::misaligned};
    if (rest.size != 0 && !reaches(rest)) return Err{Error::out_of_range};
    if (!can_be_leaf(may)) return Err{Error::not_supported};
    FlushDebt debt{*frames_};
    for (u64 budget = entries_a_step; rest.size != 0 && budget != 0; --budget) {
        auto const place = find(rest.start);
        if (place.pte.is_valid()) {
            auto const fits = fit_leaf(place, rest, debt);
            if (!fits) {
                if (debt.request_.is_nothing()) return Err{fits.error()};
                break;
            }
            if (!fits.value()) continue;
            auto how = attributes_of(place.pte);
            how.may = may;
            how.dirty = dirty;
            if (how.holding == Holding::shared) how.may.write = false;
            if (!can_be_leaf(how.may)) how.may.read = true;
            auto const wanted = make_leaf(place.pte.target(), how, place.pte.is_napot());
            for (u64 i = 0; i < (place.pte.is_napot() ? group_entries : 1); ++i)
                store(place.table, place.index + i, wanted);
            debt.request_.add_range(place.base, place.bytes);
        }
        auto const skipped = std::min(place.base + place.bytes - rest.start, rest.size);
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
FlushDebt TreeOf<X>::merge(u64 at) {
    FlushDebt debt{*frames_};
    if (!reaches({at, 1})) return debt;
    for (unsigned level = 1; level <= scheme().root_level(); ++level) {
        auto const place = find(at, level);
        if (place.level != level || !place.pte.is_table()) continue;
        if (merge_table(place, debt)) continue;
        if (level == 1 && kind_.extensions.svnapot) merge_group(find(at), debt);
        break;
    }
    return debt;
}

template <isa::Xlen X>
u64 TreeOf<X>::room_around(u64 at, Stretch within, u64 most) const {
    if (!reaches(within)) return 0;
    auto const place = find(at);
    if (place.pte.is_valid()) return 0;
    auto const inside = [&](u64 size) {
        auto const start = at & ~(size - 1);
        return start >= within.start && start - within.start <= within.size &&
               size <= within.size - (start - within.start);
    };
    u64 size = place.bytes;
    while (size > page_bytes && (size > most || !inside(size))) size >>= 1;
    if (!inside(size) || size > most) return 0;
    if (size < place.bytes) return size;
    // Neighbours in the same table.
    auto const last = place.bytes * scheme().entries(place.level);
    for (u64 twice = size * 2; twice < last && twice <= most && inside(twice); twice *= 2) {
        auto const first = (at & ~(twice - 1)) >> scheme().shift(place.level);
        for (u64 i = 0; i < twice / place.bytes; ++i)
            if (load(place.table, (first + i) & (scheme().entries(place.level) - 1)).is_valid()) return size;
        size = twice;
    }
    return size;
}

template <isa::Xlen X>
Pte TreeOf<X>::gigabyte_entry(u64 n) const {
    constexpr unsigned level = 2;
    if (scheme().root_level() < level || !reaches({n << 30, 1})) return {};
    auto const place = find(n << 30, level);
    if (place.level == level) return place.pte;
    if (!place.pte.is_valid()) return {};
    // A larger leaf: the part of it that is this GiB.
    auto const offset = (n << 30) & (place.bytes - 1);
    return make_leaf(place.pte.target() + offset, attributes_of(place.pte), false);
}

template class TreeOf<isa::Xlen::rv64>;
#if !defined(__riscv)
template class TreeOf<isa::Xlen::rv32>;
#endif

}  // namespace antler::memory
