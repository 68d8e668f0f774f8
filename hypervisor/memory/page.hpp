// A run of frames that somebody holds; what is known of its contents is its type.
#pragma once

#include <algorithm>
#include <bit>
#include <compare>
#include <concepts>
#include <utility>

#include "base/address.hpp"
#include "base/panic.hpp"
#include "memory/owner.hpp"

namespace antler::memory {

// A power of two of 4 KiB frames, aligned to its size.
struct Order {
    u8 n{};
    [[nodiscard]] constexpr u64 frames() const { return u64{1} << n; }
    [[nodiscard]] constexpr u64 bytes() const { return page_bytes << n; }
    friend constexpr auto operator<=>(Order, Order) = default;
};

inline constexpr Order order_4k{0}, order_16k{2}, order_64k{4}, order_2m{9}, order_1g{18};
inline constexpr Order max_order = order_1g;
inline constexpr u64 granule_bytes = order_2m.bytes();

// The largest order that is not larger than `bytes`, and at whose multiples both addresses lie.
[[nodiscard]] constexpr Order largest_order(u64 bytes, u64 aligned, Order at_most = max_order) {
    auto const by_size = static_cast<unsigned>(std::bit_width(bytes | page_bytes)) - 1;
    auto const by_place =
        static_cast<unsigned>(std::countr_zero((aligned & ~(page_bytes - 1)) | page_bytes << at_most.n));
    return {static_cast<u8>(std::min({by_size - 12, by_place - 12, unsigned{at_most.n}}))};
}

static_assert(largest_order(0x40'0000, 0x8020'0000) == order_2m && largest_order(0x1f'f000, 0) == Order{8});

struct Dirty {};   // somebody's old bytes: nobody may see it
struct Zeroed {};  // all zero
struct Filled {};  // contents that the owner vouches for: an image, a restored or migrated page
struct Shared {};  // counted, and read-only wherever it is mapped

template <class S>
concept PageState =
    std::same_as<S, Dirty> || std::same_as<S, Zeroed> || std::same_as<S, Filled> || std::same_as<S, Shared>;

// What a guest may get to see.
template <class S>
concept Presentable = std::same_as<S, Zeroed> || std::same_as<S, Filled> || std::same_as<S, Shared>;

struct Block {
    Hpa start{};
    Order order{};
    Pool pool{};
    OwnerId owner{};
    [[nodiscard]] constexpr HpaRange range() const { return {start, order.bytes()}; }
};

// Move-only.  Destroying one that is still held is a leak, and traps.
template <PageState S>
class Page {
public:
    Page(Page&& from) noexcept : block_{from.block_}, held_{std::exchange(from.held_, false)} {}
    Page& operator=(Page&& from) noexcept {
        VERIFY(!held_);
        block_ = from.block_;
        held_ = std::exchange(from.held_, false);
        return *this;
    }
    Page(Page const&) = delete;
    Page& operator=(Page const&) = delete;
    ~Page() { VERIFY(!held_); }

    [[nodiscard]] Hpa start() const { return block_.start; }
    [[nodiscard]] Order order() const { return block_.order; }
    [[nodiscard]] u64 bytes() const { return block_.order.bytes(); }
    [[nodiscard]] Pool pool() const { return block_.pool; }
    [[nodiscard]] OwnerId owner() const { return block_.owner; }
    [[nodiscard]] bool is_held() const { return held_; }

private:
    friend struct PageMaker;
    explicit Page(Block block) : block_{block}, held_{true} {}
    Block block_{};
    bool held_ = false;
};

// Makes pages out of frames and back.  For Frames, the trees and the functions that change a page's state.
struct PageMaker {
    template <PageState S>
    [[nodiscard]] static Page<S> make(Block block) {
        return Page<S>{block};
    }
    template <PageState S>
    [[nodiscard]] static Block unmake(Page<S>&& page) {
        VERIFY(page.held_);
        page.held_ = false;
        return page.block_;
    }
};

// The caller has written every byte, or knows who did and that the owner may see it.
template <class S>
    requires(std::same_as<S, Dirty> || std::same_as<S, Zeroed>)
[[nodiscard]] Page<Filled> vouch_for(Page<S>&& page) {
    return PageMaker::make<Filled>(PageMaker::unmake(std::move(page)));
}

}  // namespace antler::memory
