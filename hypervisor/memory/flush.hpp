// A flush owed is a value that cannot be dropped, and what it freed rides in it.
#pragma once

#include <concepts>
#include <utility>

#include "base/address.hpp"
#include "base/panic.hpp"
#include "isa/xlen.hpp"
#include "memory/frames.hpp"

namespace antler::memory {

// Which translations of one address space must go.  Addresses are GPAs of a space or HVAs of the house.
class FlushRequest {
public:
    enum class Extent : u8 { nothing, range, all };

    // Leaves of this range changed.
    void add_range(u64 start, u64 size) {
        if (size != 0) changes_ = concerns_devices_ = true;
        widen(start, size);
    }
    // What was invalid became a leaf, or a way to one: nobody can reach what he should not, but may fault.
    void add_new(u64 start, u64 size) { widen(start, size); }
    void add_new_table() { extent_ = Extent::all; }
    // An entry that is, or was, a table changed: a fence for an address does not reach it.
    // [norm:sfence_vma_va_all_asid]
    void add_all() {
        changes_ = concerns_devices_ = true;
        extent_ = Extent::all;
    }
    void add(FlushRequest const& other) {
        changes_ = changes_ || other.changes_;
        concerns_devices_ = concerns_devices_ || other.concerns_devices_;
        if (other.extent_ == Extent::all) extent_ = Extent::all;
        if (other.extent_ == Extent::range) widen(other.start_, other.size());
    }

    // Whether something that was valid is not any more, or otherwise; and in a tree that devices walk.
    [[nodiscard]] bool changes() const { return changes_; }
    [[nodiscard]] bool concerns_devices() const { return concerns_devices_; }
    // They walk another tree, which says what it said.
    void spare_devices() { concerns_devices_ = false; }
    [[nodiscard]] Extent extent() const { return extent_; }
    [[nodiscard]] bool is_nothing() const { return extent_ == Extent::nothing; }
    [[nodiscard]] bool is_all() const { return extent_ == Extent::all; }
    [[nodiscard]] u64 start() const { return start_; }
    [[nodiscard]] u64 size() const { return last_ - start_ + 1; }
    [[nodiscard]] GpaRange guest_range() const { return {Gpa{start_}, size()}; }

    // More pages than this are cheaper, and safer, as one fence of the whole VMID.
    static constexpr u64 most_bytes_by_page = 16 * page_bytes;
    [[nodiscard]] bool by_page() const { return extent_ == Extent::range && size() <= most_bytes_by_page; }

private:
    void widen(u64 start, u64 size) {
        if (extent_ == Extent::all || size == 0) return;
        auto const last = start + (size - 1);
        if (extent_ == Extent::nothing || start < start_) start_ = start;
        if (extent_ == Extent::nothing || last > last_) last_ = last;
        extent_ = Extent::range;
    }
    u64 start_ = 0;
    u64 last_ = 0;
    bool changes_ = false;
    bool concerns_devices_ = false;
    Extent extent_ = Extent::nothing;
};

// flush() returns when no observer can use the translations any more.
template <class O>
concept FlushTarget = requires(O& observers, FlushRequest const& request) {
    { observers.flush(request) } -> std::same_as<void>;
};

// Move-only; traps if it is destroyed unpaid.  Empty when nothing that was ever valid changed.
class FlushDebt {
public:
    explicit FlushDebt(Frames& frames) : frames_{&frames} {}
    FlushDebt(FlushDebt&& from) noexcept
        : frames_{from.frames_},
          request_{std::exchange(from.request_, {})},
          freed_{std::move(from.freed_)},
          paid_{std::exchange(from.paid_, true)} {}
    FlushDebt(FlushDebt const&) = delete;
    FlushDebt& operator=(FlushDebt&&) = delete;
    FlushDebt& operator=(FlushDebt const&) = delete;
    ~FlushDebt() { VERIFY(paid_ || (request_.is_nothing() && freed_.empty())); }

    // Flushes, then gives back what was freed.  The caller holds no lock.
    template <FlushTarget Observers>
    void pay(Observers& observers) && {
        if (!request_.is_nothing()) observers.flush(request_);
        settle();
    }
    // Both at once: one flush instead of two.
    void join(FlushDebt&& more);

    [[nodiscard]] FlushRequest const& request() const { return request_; }
    void spare_devices() { request_.spare_devices(); }

private:
    template <isa::Xlen X>
    friend class TreeOf;
    void settle();

    Frames* frames_;
    FlushRequest request_{};
    FrameList freed_{};
    bool paid_ = false;
};

}  // namespace antler::memory
