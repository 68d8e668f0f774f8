// A page-table tree: map with the largest leaves that fit, unmap, protect, split and merge, all by atomic
// stores.
#pragma once

#include <optional>

#include "base/address.hpp"
#include "base/result.hpp"
#include "isa/pte.hpp"
#include "memory/flush.hpp"
#include "memory/frames.hpp"

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
};

// What a tree says about an address.
struct Mapping {
    Hpa at{};          // of the address asked for
    u64 leaf_start{};  // where its leaf begins, in the tree's address space
    u64 leaf_bytes{};
    Attributes how{};
    unsigned level{};
};

// What all leaves of a tree have in common.
struct TreeKind {
    isa::Scheme scheme{};
    isa::PteExtensions extensions{};
    bool user = false;    // of G-stage trees                                          [norm:H_vm_gpapriv]
    bool global = false;  // of the house
};

// Not thread-safe: Space and House put their lock around it.  Its tables are house frames charged to the
// owner. A step of a long operation visits at most so many entries.
inline constexpr u64 entries_a_step = 128;

template <isa::Xlen X>
class TreeOf {
public:
    using Entry = isa::Word<X>;

    TreeOf() = default;
    TreeOf(TreeOf const&) = delete;
    TreeOf& operator=(TreeOf const&) = delete;
    ~TreeOf() { VERIFY(frames_ == nullptr); }

    [[nodiscard]] Result<void> create(Frames& frames, OwnerId owner, TreeKind kind);
    // Gives back everything, in bounded steps: call until it says true, and pay each debt.
    [[nodiscard]] bool destroy_step(FlushDebt& debt);
    [[nodiscard]] bool exists() const { return frames_ != nullptr; }

    [[nodiscard]] Hpa root() const { return root_; }
    [[nodiscard]] TreeKind const& kind() const { return kind_; }
    [[nodiscard]] OwnerId owner() const { return owner_; }
    [[nodiscard]] Frames& frames() const { return *frames_; }

    // All or nothing.  Nothing may be mapped there yet.  No debt: what was invalid may be seen as invalid a
    // while longer, and who faults on it fences and tries again.  [norm:sfence_vma_ordering_semantics]
    [[nodiscard]] Result<void> map(u64 at, HpaRange memory, Attributes how);
    // Does at most `entries_a_step` entries from the front of `rest` and takes them off it.  Parts of the
    // range where nothing is mapped are skipped.
    [[nodiscard]] Result<FlushDebt> unmap(Range<Gpa>& rest);
    // The same, giving every leaf in the range these permissions and this D bit.
    [[nodiscard]] Result<FlushDebt> protect(Range<Gpa>& rest, isa::Permissions may, bool dirty = true);
    // Cuts the leaf at an address until it is not larger than `bytes`.
    [[nodiscard]] Result<FlushDebt> split(u64 at, u64 bytes);
    // Joins what can be joined into the largest leaf that contains the address.
    [[nodiscard]] FlushDebt merge(u64 at);

    [[nodiscard]] std::optional<Mapping> lookup(u64 at) const;
    // The entry of a level for an address, as the hart would read it; nothing if the walk ends above.
    [[nodiscard]] std::optional<isa::Pte> entry_at(u64 at, unsigned level) const;
    // Whether a step through a table that did not exist was needed by the last map(): then a fence for one
    // address is not enough to see it.
    [[nodiscard]] bool last_map_added_tables() const { return added_tables_; }

    // Calls `leaf(u64 start, Mapping const&)` and `table(Hpa, u64 bytes)` for everything in the tree.
    template <class Leaf, class Table>
    void for_each(Leaf&& leaf, Table&& table) const {
        table(root_, kind_.scheme.table_bytes(kind_.scheme.root_level()));
        visit(root_, kind_.scheme.root_level(), 0, leaf, table);
    }

private:
    template <class Leaf, class Table>
    void visit(Hpa table_at, unsigned level, u64 base, Leaf& leaf, Table& table) const {
        for (u64 i = 0; i < kind_.scheme.entries(level); ++i) {
            auto const pte = load(table_at, i);
            u64 const start = base + i * kind_.scheme.leaf_bytes(level);
            if (pte.is_table()) {
                table(Hpa{pte.target()}, kind_.scheme.table_bytes(level - 1));
                visit(Hpa{pte.target()}, level - 1, start, leaf, table);
            } else if (pte.is_valid()) {
                leaf(start, describe(pte, level, start));
            }
        }
    }

    [[nodiscard]] isa::Pte load(Hpa table, u64 index) const;
    void store(Hpa table, u64 index, isa::Pte pte);
    [[nodiscard]] isa::Pte exchange(Hpa table, u64 index, isa::Pte pte);
    [[nodiscard]] Mapping describe(isa::Pte pte, unsigned level, u64 at) const;
    [[nodiscard]] isa::Pte make_leaf(Hpa at, Attributes const& how, bool napot) const;

    struct Piece {
        unsigned level;
        bool napot;
        u64 bytes;
    };
    [[nodiscard]] Piece piece_for(u64 at, Hpa memory, u64 bytes) const;
    [[nodiscard]] Result<u64> tables_needed(u64 at, HpaRange memory) const;
    struct Place {
        Hpa table{};
        u64 index{};
        unsigned level{};
        isa::Pte pte{};
    };
    // Goes down to the leaf, the first invalid entry, or `level`.
    [[nodiscard]] Place find(u64 at, unsigned level = 0) const;

    Frames* frames_ = nullptr;
    OwnerId owner_{};
    TreeKind kind_{};
    Hpa root_{};
    bool added_tables_ = false;
};

}  // namespace antler::memory
