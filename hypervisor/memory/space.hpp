// A guest-physical address space: a stage-2 tree, its VMID and GSCID, and everybody who may cache it.
#pragma once

#include <atomic>
#include <optional>

#include "base/locked.hpp"
#include "base/result.hpp"
#include "isa/csr_translation.hpp"
#include "isa/features.hpp"
#include "isa/pte.hpp"
#include "memory/flush.hpp"
#include "memory/frames.hpp"
#include "memory/observers.hpp"
#include "memory/tags.hpp"
#include "memory/tree.hpp"

namespace antler::memory {

using Stage2 = TreeOf<isa::native>;

// What devices walk: the tree of harts, or one of their own (parted.hpp), where harts' entries may be missing
// or have D clear while those of devices are there and have A and D set.
enum class DeviceTree : u8 { shared, own };

// Lives where it was built: harts and observers point at it.  Any hart may call anything.
class Space {
public:
    Space(Frames& frames, Tags& tags, OwnerId owner);
    Space(Space const&) = delete;
    Space& operator=(Space const&) = delete;
    // After destroy_step() said true, or create() never succeeded.
    ~Space();

    // Fails cleanly: nothing stays behind.  The root and all tables are charged to the owner.
    [[nodiscard]] Result<void> create(isa::GStageMode mode, isa::Features const& features,
                                      DeviceTree devices = DeviceTree::shared);
    // Unmaps and gives back everything in bounded steps; the space must have no active harts.
    [[nodiscard]] bool destroy_step();

    // The tree consumes the page whatever happens: one that cannot be mapped goes back to Frames.
    template <class S>
        requires Presentable<S>
    [[nodiscard]] Result<void> map(Gpa at, Page<S>&& page, isa::Permissions may = isa::Permissions::all()) {
        constexpr bool shared = std::same_as<S, Shared>;
        if (shared) may.write = false;
        TRY(map_block(at, PageMaker::unmake(std::move(page)), may,
                      shared ? Holding::shared : Holding::owned));
        return {};
    }
    // The same for devices only; harts find it by show().  Of a space that is parted.
    [[nodiscard]] Result<void> keep(Gpa at, Page<Zeroed>&& page);
    // Harts get what devices have around an address, at most a granule of it within `within`; true when
    // tables were added.  Of a space that is parted.
    [[nodiscard]] Result<bool> show(Gpa at, GpaRange within);
    // A device that the guest drives itself, or memory that stays somebody else's.
    [[nodiscard]] Result<void> map_borrowed(Gpa at, HpaRange memory, isa::Permissions may,
                                            isa::MemoryType type = isa::MemoryType::pma);

    // Takes at most a step's worth off the front of `rest`; call until it is empty, and pay each debt.
    [[nodiscard]] Result<FlushDebt> unmap_step(GpaRange& rest);
    // Without `dirty`, what is written is told by D.  Not where an observer would fail there: who logs such a
    // VM parts the space.
    [[nodiscard]] Result<FlushDebt> protect_step(GpaRange& rest, isa::Permissions may, bool dirty = true);
    // From now on what harts write is told by D, whatever they may do there.  Devices with a tree of their
    // own hear nothing of it.
    [[nodiscard]] Result<FlushDebt> log_step(GpaRange& rest);
    // Something may have been written there since.  Devices with a tree of their own do not tell: what they
    // may write always may have been.
    [[nodiscard]] bool may_be_written(Gpa at);
    // D was ever clear in a leaf of harts.
    [[nodiscard]] bool tells_what_is_written() const { return tells_writes_.load(std::memory_order_seq_cst); }
    // No observer ever meets a leaf where D is clear.
    [[nodiscard]] bool is_parted() const { return parted_; }
    // The whole range, paying as it goes: for ranges that are known to be short, and for tests.
    [[nodiscard]] Result<void> unmap(GpaRange range);
    [[nodiscard]] Result<void> protect(GpaRange range, isa::Permissions may, bool dirty = true);
    [[nodiscard]] Result<FlushDebt> split(Gpa at, u64 bytes);
    [[nodiscard]] FlushDebt merge(Gpa at);

    // What harts have there.
    [[nodiscard]] std::optional<Mapping> lookup(Gpa at);
    // What is there at all: harts may not have been shown it yet.
    [[nodiscard]] std::optional<Mapping> lookup_kept(Gpa at);

    // Where nothing but a leaf of 2 MiB is missing.
    struct Gap {
        isa::Word<isa::native>* entry = nullptr;  // none: more is missing, or nothing
        u64 changes = 0;                          // up to then
    };
    [[nodiscard, gnu::always_inline]] Gap find_gap(Gpa at) {
        return trees_.with([&](Trees& trees) -> Gap {
            return {trees.harts.find_gap(at.raw()), changes_.load(std::memory_order_relaxed)};
        });
    }
    // It comes; or somebody else was quicker, and the page is with Frames again.
    [[gnu::always_inline]] void fill_gap(Gpa at, Gap const& gap, Page<Zeroed>&& page) {
        auto const block = PageMaker::unmake(std::move(page));
        bool const filled = trees_.with([&](Trees& trees) {
            auto& tree = trees.harts;
            auto const changes = changes_.load(std::memory_order_relaxed);
            auto* const entry = changes == gap.changes ? gap.entry : tree.find_gap(at.raw());
            if (entry == nullptr || block.order != order_2m) return false;
            changes_.store(changes + 1, std::memory_order_release);
            tree.fill_gap(*entry, block.start);
            return true;
        });
        if (!filled) frames_.give_back(PageMaker::make<Zeroed>(block));
    }

    [[nodiscard]] Observers& observers() { return observers_; }
    [[nodiscard]] OwnerId owner() const { return owner_; }
    [[nodiscard]] u16 gscid() const { return gscid_; }
    [[nodiscard]] isa::GStageMode mode() const { return mode_; }
    [[nodiscard]] Hpa root() const { return root_; }
    [[nodiscard]] Hpa device_root() const { return device_root_; }
    [[nodiscard]] Frames& frames() const { return frames_; }

    // The largest free block that contains `at`: see TreeOf.  Nothing is there, be it shown to harts or not.
    [[nodiscard]] u64 room_around(Gpa at, GpaRange within, u64 most);
    // One more than the highest GiB that was ever mapped.
    [[nodiscard]] u64 gigabytes() const { return gigabytes_.load(std::memory_order_acquire); }

    // A current VMID, and whether this hart must fence it before it runs under it.  For HartView.
    struct Ticket {
        isa::Hgatp hgatp{};
        Tag tag{};
        bool must_fence = true;
    };
    [[nodiscard]] Ticket admit(u32 hart);
    [[nodiscard]] bool is_current(Tag tag) const { return tag == Tag{tag_.load()} && tags_.is_current(tag); }
    // The same in few instructions where the hart has been here before under the VMID of today, and nothing
    // has changed since; no tag where it must ask admit().
    //
    // Weaker loads do: a tag that is a little old is one that another hart replaces at this moment, before it
    // clears the bit.  Whoever then gets the old VMID fences it before it runs, on this hart as on any.
    [[nodiscard, gnu::always_inline]] std::optional<Tag> admit_again(HartSet::Place const& hart) {
        Tag const tag{tag_.load(std::memory_order_relaxed)};
        if (tag.generation() != tags_.glance()) [[unlikely]]
            return std::nullopt;
        if (!observers_.cached().add(hart) || tag_.load(std::memory_order_relaxed) != tag.raw) [[unlikely]] {
            observers_.cached().remove(hart);  // it has not fenced
            return std::nullopt;
        }
        return tag;
    }
    [[nodiscard]] isa::Hgatp hgatp(Tag tag) const {
        using Raw = isa::Hgatp::Raw;
        return {
            static_cast<Raw>(hgatp_without_vmid_ | static_cast<Raw>(tag.vmid()) << isa::Hgatp::vmid::low)};
    }

    // What a window shows of the GiB from n on, where that is known without the lock.  A change makes it
    // unknown before it tells the harts that look.
    static constexpr u64 known_gigabytes = 4;
    [[nodiscard]] bool knows_gigabytes() const { return knows_gigabytes_.load(std::memory_order_acquire); }
    // Nothing was ever mapped in those that are zero.
    [[nodiscard]] u64 known_gigabyte(u64 n) const {
        return known_gigabytes_[n].load(std::memory_order_relaxed);
    }
    // The holder of the tree's lock.
    void know_gigabyte(u64 n, u64 entry) { known_gigabytes_[n].store(entry, std::memory_order_relaxed); }
    void know_gigabytes() { knows_gigabytes_.store(true, std::memory_order_release); }

    // Grows before anything in the tree changes: what was found stays true while it is the same.
    [[nodiscard]] u64 changes() const { return changes_.load(std::memory_order_acquire); }

    template <class Body>
    decltype(auto) with_tree(Body&& body) {
        return trees_.with([&](Trees& trees) -> decltype(auto) { return body(trees.harts); });
    }
    // body(harts', devices'): the second exists where the space is parted.
    template <class Body>
    decltype(auto) with_trees(Body&& body) {
        return trees_.with([&](Trees& trees) -> decltype(auto) { return body(trees.harts, trees.devices); });
    }

private:
    friend class GuestRam;
    struct Trees {
        Stage2 harts;
        Stage2 devices;
        // What is everything that there is.
        [[nodiscard]] Stage2& all() { return devices.exists() ? devices : harts; }
    };
    [[nodiscard]] Result<bool> map_locked(Gpa at, HpaRange memory, Attributes const& how);
    void reach(u64 last);
    [[nodiscard]] Result<void> begin_to_tell();
    [[nodiscard]] Result<bool> map_block(Gpa at, Block block, isa::Permissions may, Holding holding);

    template <class Body>
    [[nodiscard]] auto change_trees(Body&& body) {
        return trees_.with([&](Trees& trees) {
            knows_gigabytes_.store(false, std::memory_order_relaxed);
            changes_.store(changes_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
            return body(trees);
        });
    }

    Frames& frames_;
    Tags& tags_;
    OwnerId owner_;
    u16 gscid_ = 0;
    isa::GStageMode mode_ = isa::GStageMode::bare;
    Hpa root_{};
    Hpa device_root_{};
    bool parted_ = false;
    isa::Hgatp::Raw hgatp_without_vmid_ = 0;
    std::atomic<u64> tag_ = 0;
    std::atomic<u64> gigabytes_ = 0;
    std::atomic<u64> changes_ = 0;
    std::atomic<bool> knows_gigabytes_ = false;
    std::atomic<bool> tells_writes_ = false;
    std::array<std::atomic<u64>, known_gigabytes> known_gigabytes_{};
    Observers observers_{*this};
    Locked<Trees, Rank::vm_memory> trees_;
};

}  // namespace antler::memory
