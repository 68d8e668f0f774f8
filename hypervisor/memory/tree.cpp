// Walking trees, and adding to them; tree_change.cpp has the rest.
#include "memory/tree.hpp"

#include <algorithm>
#include <array>

#include "memory/physical.hpp"

namespace antler::memory {

using isa::Pte;

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
    has_gaps_ = kind.keeps_frames;
    destroyed_ = 0;
    return {};
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
void TreeOf<X>::store_leaf(Place const& place, u64 memory, Attributes const& how, bool napot) {
    auto const pte = make_leaf(memory, how, napot);
    for (u64 i = 0; i < (napot ? group_entries : 1); ++i) store(place.table, place.index + i, pte);
}

template <isa::Xlen X>
auto TreeOf<X>::piece_for(u64 at, u64 memory, u64 bytes) const -> Piece {
    auto const fits = [&](u64 leaf) { return ((at | memory) & (leaf - 1)) == 0 && bytes >= leaf; };
    for (unsigned level = std::min(scheme().root_level(), kind_.highest_leaf); level > 0; --level)
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
            give_back(stock);
            return Err{page.error()};
        }
        auto const start = PageMaker::unmake(std::move(page).value()).start;
        *static_cast<u64*>(house_view(start)) = stock.first.raw();
        stock.first = start;
    }
    return stock;
}

template <isa::Xlen X>
void TreeOf<X>::give_back(Stock stock) {
    while (stock.count != 0) {
        auto const start = take_from(stock);
        frames_->give_back(PageMaker::make<Zeroed>({start, order_4k, Pool::house, owner_}));
    }
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
Result<void> TreeOf<X>::check(u64 at, HpaRange memory, Attributes const& how) const {
    if (((at | memory.start.raw() | memory.size) & (page_bytes - 1)) != 0) return Err{Error::misaligned};
    if (!reaches({at, memory.size}) || memory.wraps()) return Err{Error::out_of_range};
    if (!can_be_leaf(how.may)) return Err{Error::not_supported};
    return {};
}

template <isa::Xlen X>
Result<bool> TreeOf<X>::map(u64 at, HpaRange memory, Attributes const& how) {
    TRY(check(at, memory, how));
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
    auto const stock = TRY(take_stock(TRY(tables_needed(at, memory))));
    map_with(stock, at, memory, how);
    return stock.count != 0;
}

template <isa::Xlen X>
auto TreeOf<X>::stock_for(u64 at, HpaRange memory, Attributes const& how) -> Result<Stock> {
    TRY(check(at, memory, how));
    return take_stock(TRY(tables_needed(at, memory)));
}

template <isa::Xlen X>
void TreeOf<X>::map_with(Stock stock, u64 at, HpaRange memory, Attributes const& how) {
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
