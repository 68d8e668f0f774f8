// What one hart sees: the house, the memory of the VM it serves, and a slot for zeroing and copying.
#pragma once

#include <atomic>
#include <span>

#include "base/result.hpp"
#include "isa/csr_translation.hpp"
#include "memory/house.hpp"
#include "memory/layout.hpp"
#include "memory/space.hpp"

namespace antler::memory {

class CopyGuard;

// One for each hart; only its hart uses it.
class HartView {
public:
    HartView() = default;
    HartView(HartView const&) = delete;
    HartView& operator=(HartView const&) = delete;

    // 12 KiB of house frames: a root and two tables of the copy window.  Any hart may do it for another.
    [[nodiscard]] Result<void> create(House& house, u32 hart_index);

    // What to write into satp.
    [[nodiscard]] isa::Satp satp() const { return isa::Satp::of(isa::StageMode::sv39, 0, root_); }

    // Makes `next` the space this hart runs in and shows its memory in the VM window.  `load(Space::Ticket
    // const&)` sets vsatp to zero, writes hgatp, and if the ticket says so executes hfence.gvma for the VMID
    // and hfence.vvma, in this order; then the space that was left hears of no more flushes.
    template <class Load>
    void enter(Space& next, Load&& load) {
        if (serves_ == &next && next.is_current(tag_)) return;
        auto const [ticket, left] = begin(next);
        load(ticket);
        finish(left);
    }
    // The same in few instructions, in the commonest case; else false, and then nothing has changed.
    // `load(isa::Hgatp)` sets vsatp to zero, writes hgatp, and fences the windows (fence_house_windows).
    template <class Load>
    [[nodiscard, gnu::always_inline]] bool enter_quickly(Space& next, Load&& load) {
        auto* const left = serves_;
        if (left == &next) return next.is_current(tag_);
        if (!shows_few_) [[unlikely]]
            return false;
        auto const place = place_;
        auto* const entries = window_entries_;
        next.observers().active().add(place);  // from here on it hears of changes
        auto const tag = next.admit_again(place);
        if (!tag || !next.knows_gigabytes()) [[unlikely]] {
            next.observers().active().remove(place);
            return false;
        }
        tag_ = *tag;
        serves_ = &next;
        for (u64 n = 0; n < Space::known_gigabytes; ++n)
            std::atomic_ref{entries[n]}.store(static_cast<Entry>(next.known_gigabyte(n)),
                                              std::memory_order_relaxed);
        load(next.hgatp(*tag));
        left->observers().active().remove(place);
        return true;
    }
    // Shows nobody's memory.  `load` writes hgatp so that the space is not used any more.
    template <class Load>
    void leave(Load&& load) {
        auto* const left = hide();
        load();
        finish(left);
    }
    [[nodiscard]] Space* serves() const { return serves_; }
    // The VMID that this hart uses now, for the fences a guest asks for.
    [[nodiscard]] u16 vmid() const { return tag_.vmid(); }

    // This hart's part of flush_harts().  `fence_all(vmid)` is hfence.gvma for a VMID, `fence_page(Gpa,
    // vmid)` for one page.
    template <class FenceAll, class FencePage>
    void flush(Space const& space, FlushRequest const& request, FenceAll&& fence_all,
               FencePage&& fence_page) {
        if (serves_ != &space || request.is_nothing()) return;  // it fences when it comes back
        if (request.by_page()) {
            for (u64 done = 0; done < request.size(); done += page_bytes)
                fence_page(Gpa{request.start() + done}, tag_.vmid());
        } else {
            fence_all(tag_.vmid());
        }
        if (request.changes()) refresh();
    }

    // The window may lack what another hart has mapped since: who faults in it catches up and tries once
    // more.
    void catch_up(Space const& space) {
        if (serves_ == &space) refresh();
    }

    // Shows frames of the guest pool, 2 MiB at most, until the guard goes.  One at a time.
    [[nodiscard]] CopyGuard open(HpaRange memory, bool writable = true);

private:
    friend class CopyGuard;
    struct Entered {
        Space::Ticket ticket;
        Space* left;
    };
    [[nodiscard]] Entered begin(Space& next);
    [[nodiscard]] Space* hide();
    void finish(Space* left);
    void refresh();
    void close(HpaRange memory);

    using Entry = isa::Word<isa::native>;

    Entry* window_entries_ = nullptr;  // of the root
    HartSet::Place place_{};           // of this hart
    Tag tag_{};                        // under which it serves_
    Hpa root_{};
    Hpa copy_table_{};  // of the copy window's GiB
    Hpa page_table_{};  // of its second slot
    u32 index_ = 0;
    u64 shown_gigabytes_ = 0;
    bool shows_few_ = false;  // somebody's, and no more than Space::known_gigabytes
    bool copy_open_ = false;
    Space* serves_ = nullptr;
};

// Memory of the guest pool, seen through the copy window of this hart.
class CopyGuard {
public:
    CopyGuard(CopyGuard const&) = delete;
    CopyGuard& operator=(CopyGuard const&) = delete;
    ~CopyGuard() { view_.close(memory_); }
    [[nodiscard]] std::span<u8> bytes() const {
        return {static_cast<u8*>(window_view(at_)), static_cast<usize>(memory_.size)};
    }

private:
    friend class HartView;
    CopyGuard(HartView& view, HpaRange memory, Hva at) : view_{view}, memory_{memory}, at_{at} {}
    HartView& view_;
    HpaRange memory_;
    Hva at_;
};

}  // namespace antler::memory
