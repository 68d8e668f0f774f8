// Spaces: the lock around the tree, and the protocol by which harts enter.
#include "memory/space.hpp"

#include <algorithm>

#include "memory/parted.hpp"

namespace antler::memory {

Space::Space(Frames& frames, Tags& tags, OwnerId owner) : frames_{frames}, tags_{tags}, owner_{owner} {}

Space::~Space() {
    VERIFY(observers_.active().snapshot().empty());
    if (gscid_ != 0) tags_.give_back_gscid(gscid_);
}

Result<void> Space::create(isa::GStageMode mode, isa::Features const& features, DeviceTree devices) {
    auto const scheme = isa::scheme_of(mode);
    if (!scheme || !features.supports(mode)) return Err{Error::not_supported};
    if (gscid_ == 0) gscid_ = TRY(tags_.take_gscid());
    TreeKind kind{.scheme = *scheme,
                  .extensions = {.svnapot = features.svnapot, .svpbmt = features.svpbmt},
                  .user = true};
    auto of_harts = kind;
    if (devices == DeviceTree::own) {
        kind.highest_leaf = of_harts.highest_leaf = parted::highest_leaf;
        of_harts.keeps_frames = false;
    }
    TRY(change_trees([&](Trees& trees) -> Result<void> {
        if (trees.all().exists()) return Err{Error::bad_state};
        TRY(trees.harts.create(frames_, owner_, of_harts));
        root_ = device_root_ = trees.harts.root();
        return {};
    }));
    parted_ = devices == DeviceTree::own;
    auto const created = !parted_ ? Result<void>{} : change_trees([&](Trees& trees) -> Result<void> {
        TRY(trees.devices.create(frames_, owner_, kind));
        device_root_ = trees.devices.root();
        return {};
    });
    if (!created) {
        while (!destroy_step()) {
        }
        parted_ = false;
        return created;
    }
    mode_ = mode;
    hgatp_without_vmid_ = isa::Hgatp::of(mode_, 0, root_).raw;
    gigabytes_.store(0);
    for (auto& entry : known_gigabytes_) entry.store(0);
    tag_.store(0);  // of no generation: whatever a hart has of this space's old life is not its own any more
    return {};
}

bool Space::destroy_step() {
    VERIFY(observers_.active().snapshot().empty());
    bool done = true;
    auto debt = change_trees([&](Trees& trees) {
        if (trees.harts.exists()) {
            auto gone = trees.harts.destroy_step(done);
            done = done && !trees.devices.exists();
            return gone;
        }
        if (trees.devices.exists()) return trees.devices.destroy_step(done);
        return FlushDebt{frames_};
    });
    std::move(debt).pay(observers_);
    if (done) mode_ = isa::GStageMode::bare;
    return done;
}

Result<bool> Space::map_locked(Gpa at, HpaRange memory, Attributes const& how) {
    return change_trees([&](Trees& trees) -> Result<bool> {
        if (!trees.harts.exists()) return Err{Error::bad_state};
        auto const added = TRY(parted_ ? parted::map(trees.harts, trees.devices, at, memory, how)
                                       : trees.harts.map(at.raw(), memory, how));
        reach(at.raw() + (memory.size - 1));
        return added;
    });
}

void Space::reach(u64 last) {
    auto const gigabytes = (last >> 30) + 1;
    if (gigabytes > gigabytes_.load(std::memory_order_relaxed))
        gigabytes_.store(gigabytes, std::memory_order_release);
}

Result<void> Space::keep(Gpa at, Page<Zeroed>&& page) {
    auto const block = PageMaker::unmake(std::move(page));
    auto const kept = change_trees([&](Trees& trees) -> Result<void> {
        if (!trees.devices.exists()) return Err{Error::bad_state};
        TRY(trees.devices.map(at.raw(), block.range(), {.holding = Holding::owned}));
        return {};
    });
    if (!kept) frames_.give_back(PageMaker::make<Zeroed>(block));
    return kept;
}

Result<bool> Space::show(Gpa at, GpaRange within) {
    return change_trees([&](Trees& trees) -> Result<bool> {
        if (!trees.harts.exists() || !parted_) return Err{Error::bad_state};
        auto const added = TRY(parted::show(trees.harts, trees.devices, at, within));
        reach(at.raw() | (granule_bytes - 1));
        return added;
    });
}

Result<bool> Space::map_block(Gpa at, Block block, isa::Permissions may, Holding holding) {
    auto const added = map_locked(at, block.range(), {.may = may, .holding = holding});
    if (!added) frames_.give_back(PageMaker::make<Filled>(block));
    return added;
}

Result<void> Space::map_borrowed(Gpa at, HpaRange memory, isa::Permissions may, isa::MemoryType type) {
    TRY(map_locked(at, memory, {.may = may, .type = type}));
    return {};
}

Result<FlushDebt> Space::unmap_step(GpaRange& rest) {
    return change_trees([&](Trees& trees) -> Result<FlushDebt> {
        if (!trees.harts.exists()) return Err{Error::bad_state};
        Stretch stretch{rest.start.raw(), rest.size};
        auto debt = parted_ ? parted::unmap_step(trees.harts, trees.devices, stretch)
                            : trees.harts.unmap_step(stretch);
        rest = {Gpa{stretch.start}, stretch.size};
        return debt;
    });
}

// Whoever attaches an observer looks at this afterwards: one of both sees the other.
Result<void> Space::begin_to_tell() {
    bool const before = tells_writes_.exchange(true, std::memory_order_seq_cst);
    if (parted_ || observers_.all_mark_pages()) return {};
    tells_writes_.store(before, std::memory_order_seq_cst);
    return Err{Error::not_supported};
}

Result<FlushDebt> Space::protect_step(GpaRange& rest, isa::Permissions may, bool dirty) {
    if (!dirty) TRY(begin_to_tell());
    return change_trees([&](Trees& trees) -> Result<FlushDebt> {
        if (!trees.harts.exists()) return Err{Error::bad_state};
        Stretch stretch{rest.start.raw(), rest.size};
        auto debt = parted_ ? parted::protect_step(trees.harts, trees.devices, stretch, may, dirty)
                            : trees.harts.protect_step(stretch, may, dirty);
        rest = {Gpa{stretch.start}, stretch.size};
        return debt;
    });
}

Result<FlushDebt> Space::log_step(GpaRange& rest) {
    TRY(begin_to_tell());
    return change_trees([&](Trees& trees) -> Result<FlushDebt> {
        if (!trees.harts.exists()) return Err{Error::bad_state};
        Stretch stretch{rest.start.raw(), rest.size};
        auto debt = trees.harts.log_step(stretch);
        rest = {Gpa{stretch.start}, stretch.size};
        if (debt && parted_) debt.value().spare_devices();
        return debt;
    });
}

bool Space::may_be_written(Gpa at) {
    return trees_.with([&](Trees& trees) {
        if (!trees.harts.exists()) return false;
        if (parted_)
            if (auto const kept = trees.devices.lookup(at.raw()); kept && kept->how.may.write) return true;
        auto const shown = trees.harts.lookup(at.raw());
        return shown && shown->how.may.write && shown->how.dirty;
    });
}

Result<void> Space::unmap(GpaRange range) {
    while (range.size != 0) std::move(TRY(unmap_step(range))).pay(observers_);
    return {};
}

Result<void> Space::protect(GpaRange range, isa::Permissions may, bool dirty) {
    while (range.size != 0) std::move(TRY(protect_step(range, may, dirty))).pay(observers_);
    return {};
}

Result<FlushDebt> Space::split(Gpa at, u64 bytes) {
    return change_trees([&](Trees& trees) -> Result<FlushDebt> {
        if (!trees.harts.exists()) return Err{Error::bad_state};
        auto debt = trees.harts.split(at.raw(), bytes);
        if (debt && parted_) debt.value().spare_devices();
        return debt;
    });
}

FlushDebt Space::merge(Gpa at) {
    return change_trees([&](Trees& trees) {
        if (!trees.harts.exists()) return FlushDebt{frames_};
        return parted_ ? parted::merge(trees.harts, trees.devices, at) : trees.harts.merge(at.raw());
    });
}

std::optional<Mapping> Space::lookup(Gpa at) {
    return trees_.with([&](Trees& trees) -> std::optional<Mapping> {
        if (!trees.harts.exists()) return std::nullopt;
        return trees.harts.lookup(at.raw());
    });
}

std::optional<Mapping> Space::lookup_kept(Gpa at) {
    return trees_.with([&](Trees& trees) -> std::optional<Mapping> {
        if (!trees.all().exists()) return std::nullopt;
        return trees.all().lookup(at.raw());
    });
}

u64 Space::room_around(Gpa at, GpaRange within, u64 most) {
    return trees_.with([&](Trees& trees) -> u64 {
        if (!trees.all().exists()) return 0;
        return trees.all().room_around(at.raw(), {within.start.raw(), within.size}, most);
    });
}

auto Space::admit(u32 hart) -> Ticket {
    bool must_fence = tags_.must_always_fence();
    while (true) {
        Tag const tag{tag_.load(std::memory_order_seq_cst)};
        if (!tags_.is_current(tag)) {
            tags_.renew(tag_, [&] { observers_.cached().clear(); });
            continue;
        }
        must_fence = !observers_.cached().add(hart) || must_fence;
        // Another hart may have given the space a new VMID since: our bit may have been set for the old one.
        if (tag_.load(std::memory_order_seq_cst) == tag.raw) {
            if (tags_.must_always_fence()) observers_.cached().remove(hart);  // admit_again() is not for it
            return {hgatp(tag), tag, must_fence};
        }
        must_fence = true;
    }
}

}  // namespace antler::memory
