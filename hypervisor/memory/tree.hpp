// A page-table tree: map with the largest leaves that fit, unmap, protect, split and merge, all by atomic
// stores.
#pragma once

#include <atomic>
#include <optional>

#include "base/address.hpp"
#include "base/result.hpp"
#include "isa/pte.hpp"
#include "memory/flush.hpp"
#include "memory/frames.hpp"
#include "memory/physical.hpp"

namespace antler::memory {

// Whether the frames under a leaf are the tree's to give back; kept in the two software bits of the entry.
enum class Holding : u8 {
    borrowed = 0,  // a device, or memory that somebody else holds
    owned = 1,     // goes back to Frames when it is unmapped
    shared = 2,    // its count goes down
};

struct Attributes {
    isa::Permissions may = isa::Permissions::all();
    isa::MemoryType type = isa::MemoryType::pma;
    Holding holding = Holding::borrowed;
    bool dirty = true;  // cleared for dirty logging
    friend constexpr bool operator==(Attributes const&, Attributes const&) = default;
};

// What a tree says about an address.
struct Mapping {
    Hpa at{};          // of the address asked for
    u64 leaf_start{};  // where its leaf begins, in the tree's address space
    u64 leaf_bytes{};
    Attributes how{};
};

// What all leaves of a tree have in common.
struct TreeKind {
    isa::Scheme scheme{};
    isa::PteExtensions extensions{};
    bool user = false;    // of G-stage trees                                          [norm:H_vm_gpapriv]
    bool global = false;  // of the house
    // It gives back what its leaves show; else another tree does, and this one only shows it.
    bool keeps_frames = true;
    unsigned highest_leaf = 5;  // leaves are of this level or below
};

// A step of a long operation visits about so many entries.
inline constexpr u64 entries_a_step = 48;

// A stretch of the tree's own address space, as it shrinks from the front while steps are taken.
struct Stretch {
    u64 start{};
    u64 size{};
    [[nodiscard]] constexpr u64 end() const { return start + size; }
};

// Not thread-safe: Space and House put their lock around it.  Its tables are house frames charged to the
// owner.
template <isa::Xlen X>
class TreeOf {
public:
    using Entry = isa::Word<X>;

    TreeOf() = default;
    TreeOf(TreeOf const&) = delete;
    TreeOf& operator=(TreeOf const&) = delete;
    ~TreeOf() { VERIFY(frames_ == nullptr); }

    [[nodiscard]] Result<void> create(Frames& frames, OwnerId owner, TreeKind kind);
    // Gives back everything in bounded steps: call until `done`, and pay each debt.
    [[nodiscard]] FlushDebt destroy_step(bool& done);
    // For a tree that lasts as long as the frames themselves: the house.
    void abandon() { frames_ = nullptr; }
    [[nodiscard]] bool exists() const { return frames_ != nullptr; }

    [[nodiscard]] Hpa root() const { return root_; }
    [[nodiscard]] TreeKind const& kind() const { return kind_; }
    [[nodiscard]] isa::Scheme const& scheme() const { return kind_.scheme; }
    [[nodiscard]] OwnerId owner() const { return owner_; }
    [[nodiscard]] Frames& frames() const { return *frames_; }

    // All or nothing; nothing may be mapped there yet.  True when tables were added: then a fence for one
    // address is not enough to see it.  No debt: what was invalid may be seen as invalid a while longer, and
    // who faults on it fences and tries again. [norm:sfence_vma_ordering_semantics]
    [[nodiscard]] Result<bool> map(u64 at, HpaRange memory, Attributes const& how);
    // Zeroed tables taken ahead, so that nothing can fail half-way; linked through their first bytes.
    struct Stock {
        Hpa first{};
        u64 count = 0;
    };
    // The same in two steps, of which only the first can fail and only the second changes anything.
    [[nodiscard]] Result<Stock> stock_for(u64 at, HpaRange memory, Attributes const& how);
    void map_with(Stock stock, u64 at, HpaRange memory, Attributes const& how);
    void give_back(Stock stock);
    // The commonest of that, a leaf of 2 MiB that is owned: the empty entry for it, of a table that is there,
    // or null; and the leaf, for as long as the tree is the same.  Not of a tree that keeps no frames.
    [[nodiscard, gnu::always_inline]] Entry* find_gap(u64 at) const {
        if (!has_gaps_ || at >> scheme().address_bits() != 0) return nullptr;
        auto const index_mask = (u64{1} << scheme().index_bits) - 1;
        auto shift = scheme().shift(scheme().root_level());
        auto* gap = &entry(root_, at >> shift);  // the root's index has more bits
        while (shift != scheme().shift(1)) {
            isa::Pte const pte{std::atomic_ref{*gap}.load(std::memory_order_acquire)};
            if (!pte.is_table()) return nullptr;
            shift -= scheme().index_bits;
            gap = &entry(Hpa{pte.target()}, at >> shift & index_mask);
        }
        isa::Pte const pte{std::atomic_ref{*gap}.load(std::memory_order_acquire)};
        return pte.is_valid() ? nullptr : gap;
    }
    [[gnu::always_inline]] void fill_gap(Entry& gap, Hpa granule) {
        auto const leaf = make_leaf(granule.raw(), {.holding = Holding::owned}, false);
        std::atomic_ref{gap}.store(static_cast<Entry>(leaf.raw), std::memory_order_release);
    }
    // Takes about a step's worth off the front of `rest`.  Parts where nothing is mapped are skipped.
    [[nodiscard]] Result<FlushDebt> unmap_step(Stretch& rest);
    // The same, giving every leaf in the range these permissions and this D bit.  A shared page never becomes
    // writable.  A leaf that is so already stays whole, and is flushed like the others.
    [[nodiscard]] Result<FlushDebt> protect_step(Stretch& rest, isa::Permissions may, bool dirty) {
        return change_step(rest, may, dirty);
    }
    // The same for D alone, which becomes clear.
    [[nodiscard]] Result<FlushDebt> log_step(Stretch& rest) { return change_step(rest, std::nullopt, false); }
    // All of a range whose edges cut no leaf, in one step, and with it whole tables: for a tree that keeps no
    // frames.  It visits no more than what the leaves of 2 MiB and of 4 KiB in the range are, once each.
    [[nodiscard]] FlushDebt hide(Stretch range);
    // Cuts the leaf at an address until it is not larger than `bytes`.
    [[nodiscard]] Result<FlushDebt> split(u64 at, u64 bytes);
    // Joins what can be joined into the largest leaf, of `most` bytes, that contains the address.
    [[nodiscard]] FlushDebt merge(u64 at, u64 most = ~u64{0});

    [[nodiscard]] std::optional<Mapping> lookup(u64 at) const;
    // The largest stretch of a power of two, aligned to it, that contains `at`, lies within `within`, is not
    // larger than `most`, and where nothing is mapped.  Zero where something is.
    [[nodiscard]] u64 room_around(u64 at, Stretch within, u64 most) const;
    // What the root of a three-level tree would hold for the n-th GiB.
    [[nodiscard]] isa::Pte gigabyte_entry(u64 n) const;

    // Calls `leaf(u64 start, Mapping const&)` and `table(Hpa, u64 bytes)` for everything in the tree.
    template <class Leaf, class Table>
    void for_each(Leaf&& leaf, Table&& table) const {
        table(root_, scheme().table_bytes(scheme().root_level()));
        visit(root_, scheme().root_level(), 0, leaf, table);
    }

private:
    static constexpr u64 group_entries = isa::Pte::napot_bytes / page_bytes;

    // Where a walk ended: at a leaf, or at the first invalid entry.
    struct Place {
        Hpa table{};
        u64 index{};
        unsigned level{};
        isa::Pte pte{};
        u64 base{};   // of what the entry covers
        u64 bytes{};  // it covers
    };
    // A leaf to make.
    struct Piece {
        unsigned level{};
        bool napot{};
        u64 bytes{};
    };
    template <class Leaf, class Table>
    void visit(Hpa table_at, unsigned level, u64 base, Leaf& leaf, Table& table) const {
        auto const entries = scheme().entries(level);
        for (u64 i = 0; i < entries;) {
            auto const pte = load(table_at, i);
            u64 const start = base + i * scheme().leaf_bytes(level);
            i += pte.is_valid() && pte.is_leaf() && pte.is_napot() ? group_entries : 1;
            if (pte.is_table()) {
                table(Hpa{pte.target()}, scheme().table_bytes(level - 1));
                visit(Hpa{pte.target()}, level - 1, start, leaf, table);
            } else if (pte.is_valid()) {
                leaf(start, describe(pte, level, start));
            }
        }
    }

    [[nodiscard]] Entry& entry(Hpa table, u64 index) const {
        return static_cast<Entry*>(house_view(table))[index];
    }
    [[nodiscard]] isa::Pte load(Hpa table, u64 index) const {
        return {std::atomic_ref{entry(table, index)}.load(std::memory_order_acquire)};
    }
    // A hart reads an entry at any time, so each store must leave a tree that is right.
    void store(Hpa table, u64 index, isa::Pte pte) {
        std::atomic_ref{entry(table, index)}.store(static_cast<Entry>(pte.raw), std::memory_order_release);
    }
    // Fails, and says what is there now, when a hart has set A or D meanwhile.
    [[nodiscard]] bool replace(Place const& place, u64 index, isa::Pte& expected, isa::Pte wanted) {
        auto was = static_cast<Entry>(expected.raw);
        bool const done = std::atomic_ref{entry(place.table, index)}.compare_exchange_strong(
            was, static_cast<Entry>(wanted.raw), std::memory_order_acq_rel);
        expected.raw = was;
        return done;
    }

    [[nodiscard]] bool reaches(Stretch range) const;
    [[nodiscard]] Result<void> check(u64 at, HpaRange memory, Attributes const& how) const;
    [[nodiscard]] Place find(u64 at, unsigned level = 0) const;
    [[nodiscard]] Mapping describe(isa::Pte pte, unsigned level, u64 at) const;
    [[nodiscard]] Attributes attributes_of(isa::Pte pte) const;
    [[nodiscard, gnu::always_inline]] isa::Pte make_leaf(u64 memory, Attributes const& how,
                                                         bool napot) const {
        isa::Pte::Leaf const leaf{
            .may = how.may,
            .user = kind_.user,
            .global = kind_.global,
            .accessed = true,
            .dirty = how.dirty,
            // Without Svpbmt the bits are reserved, and the board's own attributes hold.
            .type = kind_.extensions.svpbmt ? how.type : isa::MemoryType::pma};
        auto const pte = napot ? isa::Pte::napot(Hpa{memory}, leaf) : isa::Pte::leaf(Hpa{memory}, leaf);
        return {isa::Pte::software::set(pte.raw, static_cast<u64>(how.holding))};
    }
    void store_leaf(Place const& place, u64 memory, Attributes const& how, bool napot);
    [[nodiscard]] Piece piece_for(u64 at, u64 memory, u64 bytes) const;
    [[nodiscard]] Result<u64> tables_needed(u64 at, HpaRange memory) const;

    [[nodiscard]] Result<Stock> take_stock(u64 count);
    [[nodiscard]] Hpa take_from(Stock& stock);
    void free_table(Hpa table, FlushDebt& debt);

    void fill_table(Hpa table, unsigned level, isa::Pte first, u64 entry_step, u64 sixteen_step);
    [[nodiscard]] Result<void> split_leaf(Place const& place, FlushDebt& debt);
    // Splits leaves that begin before, or end behind, the stretch.
    [[nodiscard]] Result<bool> fit_leaf(Place const& place, Stretch const& rest, FlushDebt& debt);
    void clear_leaf(Place const& place, FlushDebt& debt);
    void prune(u64 at, FlushDebt& debt);
    [[nodiscard]] Result<FlushDebt> change_step(Stretch& rest, std::optional<isa::Permissions> may,
                                                bool dirty);
    void pass(Stretch& rest, Place const& place, FlushDebt& debt);
    [[nodiscard]] bool merge_table(Place const& place, FlushDebt& debt);
    void merge_group(Place const& place, FlushDebt& debt);

    Frames* frames_ = nullptr;
    OwnerId owner_{};
    TreeKind kind_{};
    Hpa root_{};
    bool has_gaps_ = false;  // it is there, and keeps frames
    u64 destroyed_ = 0;      // how far destroy_step() has come
};

// Writable without readable is reserved, and a leaf that allows nothing would be a table.
[[nodiscard]] constexpr bool can_be_leaf(isa::Permissions may) {
    return may.read || (may.execute && !may.write);
}

}  // namespace antler::memory
