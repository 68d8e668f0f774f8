// Every frame of the board's RAM, who owns it, and the free ones as buddies in two pools.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "base/address.hpp"
#include "base/locked.hpp"
#include "base/result.hpp"
#include "memory/frame_table.hpp"
#include "memory/owner.hpp"
#include "memory/page.hpp"

namespace antler::memory {

// What an owner holds.
struct Use {
    u64 house_bytes = 0;
    u64 guest_bytes = 0;
    friend constexpr bool operator==(Use const&, Use const&) = default;
};

// The whole board.
struct Totals {
    u64 ram_bytes = 0;    // of all banks, reserved parts included
    u64 table_bytes = 0;  // of the frame table
    u64 free_house_bytes = 0;
    u64 free_guest_bytes = 0;
};

// A free 2 MiB stretch between two pools: nobody can take it.  Move-only, traps if it is dropped.
class Granule {
public:
    Granule(Granule&& from) noexcept : start_{from.start_}, held_{std::exchange(from.held_, false)} {}
    Granule& operator=(Granule&&) = delete;
    ~Granule() { VERIFY(!held_); }
    [[nodiscard]] HpaRange range() const { return {start_, granule_bytes}; }

private:
    friend class Frames;
    explicit Granule(Hpa start) : start_{start}, held_{true} {}
    Hpa start_{};
    bool held_ = false;
};

class Frames {
public:
    Frames() = default;
    Frames(Frames const&) = delete;
    Frames& operator=(Frames const&) = delete;

    // How large the table for these banks is, and the smallest hole between the reserved ranges that takes
    // it.
    [[nodiscard]] static u64 table_bytes(std::span<HpaRange const> banks);
    [[nodiscard]] static Result<HpaRange> find_room(std::span<HpaRange const> banks,
                                                    std::span<HpaRange const> reserved, u64 bytes,
                                                    u64 alignment = page_bytes);

    // Once, before anything else.  `table` lies in RAM, and is reserved by this.  Ranges may overlap and need
    // not be aligned; a bank loses what is not a whole page.  The house gets every fragment that is not a
    // whole granule, and granules until it has `house_bytes`; all else is the guests'.
    [[nodiscard]] Result<void> initialise(std::span<HpaRange const> banks, std::span<HpaRange const> reserved,
                                          HpaRange table, u64 house_bytes);

    [[nodiscard]] Result<Page<Dirty>> take(Pool pool, Order order, OwnerId owner);
    // The largest block that is free and not larger than asked for.
    [[nodiscard]] Result<Page<Dirty>> take_up_to(Pool pool, Order order, OwnerId owner);
    // One frame of these colours.
    [[nodiscard]] Result<Page<Dirty>> take_coloured(Pool pool, Colours const& colours, OwnerId owner);
    // A house page whose every byte is zero.
    [[nodiscard]] Result<Page<Zeroed>> take_zeroed(Order order, OwnerId owner);

    // A shared page leaves when its last holder gives it back.
    template <PageState S>
    void give_back(Page<S>&& page) {
        release(PageMaker::unmake(std::move(page)));
    }

    // Makes a reserved stretch (a payload of the pack) a page of the guest pool, in place.  No hart's house
    // tables show it any more.  `at` is aligned to the order.
    [[nodiscard]] Result<Page<Filled>> adopt(Hpa at, Order order, OwnerId owner);
    // Makes a reserved stretch ordinary house memory: what only boot needed.  It is mapped already.
    [[nodiscard]] Result<void> release_reserved(HpaRange range);

    // A page that several owners may map read-only.  It stays charged to the one who shared it.
    [[nodiscard]] Page<Shared> share(Page<Filled>&& page);
    [[nodiscard]] Page<Shared> share_again(Page<Shared> const& page);

    // The same page, charged to somebody else.
    template <class S>
        requires(!std::same_as<S, Shared>)
    [[nodiscard]] Page<S> transfer(Page<S>&& page, OwnerId owner) {
        auto block = PageMaker::unmake(std::move(page));
        charge_to(block, owner);
        block.owner = owner;
        return PageMaker::make<S>(block);
    }

    // Granules change pool through move_granule() of house.hpp, which pays for it on every hart.
    [[nodiscard]] Result<Granule> withdraw(Pool from);
    void deposit(Granule&& granule, Pool to);

    [[nodiscard]] Use accounting(OwnerId owner);
    [[nodiscard]] Totals totals();
    // The block that holds an address: nothing where there is no RAM or the RAM is reserved.
    [[nodiscard]] std::optional<FrameInfo> inspect(Hpa at);
    // The first run of house memory, taken or free, that does not end before `from`.
    [[nodiscard]] std::optional<HpaRange> next_house_range(Hpa from);
    // Where the table lies.
    [[nodiscard]] HpaRange table_range();

    // For the trees: frames that nobody maps any more, but that some hart may still see.  They wait in a list
    // until the flush debt that holds it is paid.  A range may hold any number of blocks and parts of blocks.
    void retire(HpaRange range, FrameList& into);
    void release(FrameList&& list);
    void join(FrameList& into, FrameList&& more);

private:
    void release(Block block);
    void charge_to(Block const& block, OwnerId owner);

    Locked<FrameTable, Rank::frames> table_;
};

}  // namespace antler::memory
