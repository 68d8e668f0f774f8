// The frame table: twelve bytes for each frame, and buddy lists through them.  Frames puts the lock around
// it.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "base/address.hpp"
#include "base/result.hpp"
#include "memory/colour.hpp"
#include "memory/page.hpp"

namespace antler::memory {

// Frames are counted from address zero.
[[nodiscard]] constexpr u64 page_of(Hpa at) {
    return at.raw() / page_bytes;
}
[[nodiscard]] constexpr u64 page_after(Hpa at) {
    return page_of(at.align_up(page_bytes));
}
[[nodiscard]] constexpr Hpa address_of(u64 page) {
    return Hpa{page * page_bytes};
}

enum class FrameState : u8 {
    inside,   // of a block that begins earlier, or reserved
    free,     // begins a free block
    taken,    // begins a block that its owner holds or maps
    shared,   // the same, counted
    retired,  // nobody maps it, a flush is owed
    moving,   // between the pools
};

struct FrameInfo {
    Block block{};
    FrameState state{};
    u32 share_count = 0;
};

// One entry.  Only the first frame of a block says anything; the others are `inside`.
struct Frame {
    u32 next = 0;      // of a list; one more than the index, zero is its end
    u32 previous = 0;  // of a free list; the count of a shared block
    u16 owner = 0;
    u8 order = 0;
    FrameState state : 7 = FrameState::inside;
    u8 pool : 1 = 0;
};
static_assert(sizeof(Frame) == 12);  // 0.29 % of RAM

// Blocks that wait for something, linked through their frames.  Whoever holds it owes them to Frames.
class FrameList {
public:
    FrameList() = default;
    FrameList(FrameList&& from) noexcept
        : first_{std::exchange(from.first_, 0)}, last_{std::exchange(from.last_, 0)} {}
    FrameList& operator=(FrameList&&) = delete;
    ~FrameList() { VERIFY(first_ == 0); }
    [[nodiscard]] bool empty() const { return first_ == 0; }

private:
    friend class FrameTable;
    u32 first_ = 0;
    u32 last_ = 0;
};

class FrameTable {
public:
    static constexpr usize max_banks = 32;
    static constexpr usize max_reserved = 96;

    [[nodiscard]] Result<void> initialise(std::span<HpaRange const> banks, std::span<HpaRange const> reserved,
                                          HpaRange table, u64 house_bytes);

    [[nodiscard]] Result<Block> take(Pool pool, Order order, OwnerId owner);
    [[nodiscard]] Result<Block> take_up_to(Pool pool, Order order, OwnerId owner);
    // A single frame of one of the colours.  Looks at so many blocks of each small size only: fragments of
    // other colours may hide one.
    [[nodiscard]] Result<Block> take_coloured(Pool pool, Colours const& colours, OwnerId owner);
    static constexpr u32 most_looks = 64;
    void release(Block block);
    [[nodiscard]] Result<Block> adopt(Hpa at, Order order, Pool pool, OwnerId owner);
    [[nodiscard]] Result<void> release_reserved(HpaRange range);
    void share(Block const& block);
    void share_again(Block const& block);
    void charge_to(Block const& block, OwnerId owner);
    [[nodiscard]] Result<Hpa> withdraw(Pool from);
    void deposit(Hpa granule, Pool to);
    void retire(HpaRange range, FrameList& into);
    void release(FrameList&& list);
    void join(FrameList& into, FrameList&& more);

    [[nodiscard]] std::optional<FrameInfo> inspect(Hpa at) const;
    [[nodiscard]] u64 held(OwnerId owner, Pool pool) const {
        return held_[index_of(pool)][owner.value] * page_bytes;
    }
    [[nodiscard]] u64 free_bytes(Pool pool) const { return free_frames_[index_of(pool)] * page_bytes; }
    [[nodiscard]] u64 ram_bytes() const;
    [[nodiscard]] HpaRange table_range() const { return table_range_; }

    // The first run of house memory, taken or free, that does not end before `from`.
    [[nodiscard]] std::optional<HpaRange> next_house_range(Hpa from) const;

private:
    struct Bank {
        u64 first_page = 0;
        u32 pages = 0;
        u32 first_index = 0;
        [[nodiscard]] u64 end_page() const { return first_page + pages; }
        [[nodiscard]] bool has(u64 page) const { return page - first_page < pages; }
        [[nodiscard]] u64 page(u32 index) const { return first_page + (index - first_index); }
        [[nodiscard]] u32 index(u64 page) const { return static_cast<u32>(page - first_page) + first_index; }
    };
    // Reserved pages, disjoint and in order.
    struct Hole {
        u64 first_page = 0;
        u64 end_page = 0;
    };

    static constexpr usize orders = max_order.n + 1u;
    [[nodiscard]] static constexpr usize index_of(Pool pool) { return static_cast<usize>(pool); }

    [[nodiscard]] Bank const* bank_of(u64 page) const;
    [[nodiscard]] Bank const& bank_of_index(u32 index) const;
    [[nodiscard]] u64 page_of_index(u32 index) const;
    [[nodiscard]] u64 end_of_reserved(u64 page) const;
    [[nodiscard]] static FrameInfo info_of(u64 page, Frame const& frame);
    [[nodiscard]] Frame* head_of(u64 page, u64& head_page) const;

    void add_range(u64 first_page, u64 end_page);
    void add_blocks(u64 first_page, u64 end_page, Pool pool);
    void push_free(Bank const& bank, u64 page, u8 order, Pool pool);
    void unlink_free(Frame& frame);
    // The free block at `index`, as far as a block of `order` at `page`; the rest is free again.
    Block hand_out(Frame& frame, u64 page, Order order, Pool pool, OwnerId owner);
    Block take_out(u32 index, u64 page, Order order, Pool pool, OwnerId owner);
    void free_block(Bank const& bank, u64 page, u8 order, Pool pool);
    // Cuts a block that somebody holds so that one of order `order` begins at `page`.
    void cut(u64 head_page, Frame& head, u64 page, u8 order);
    [[nodiscard]] Result<void> reserve(u64 first_page, u64 end_page);
    [[nodiscard]] Result<void> carve(u64 first_page, u64 end_page);
    void charge(OwnerId owner, Pool pool, u64 frames) { held_[index_of(pool)][owner.value] += frames; }
    void discharge(OwnerId owner, Pool pool, u64 frames);

    Frame* frames_ = nullptr;
    HpaRange table_range_{};
    std::array<Bank, max_banks> banks_{};
    usize bank_count_ = 0;
    std::array<Hole, max_reserved> holes_{};
    usize hole_count_ = 0;
    std::array<std::array<u32, orders>, 2> free_{};  // first of each list, plus one
    std::array<u64, 2> free_frames_{};
    std::array<std::array<u64, max_owners>, 2> held_{};
};

}  // namespace antler::memory
