// Spaces: the lock around the tree, and the protocol by which harts enter.
#include "memory/space.hpp"

#include <algorithm>

namespace antler::memory {

Space::Space(Frames& frames, Tags& tags, OwnerId owner) : frames_{frames}, tags_{tags}, owner_{owner} {}

Space::~Space() {
    VERIFY(observers_.active().snapshot().empty());
    if (gscid_ != 0) tags_.give_back_gscid(gscid_);
}

Result<void> Space::create(isa::GStageMode mode, isa::Features const& features) {
    auto const scheme = isa::scheme_of(mode);
    if (!scheme || !features.supports(mode)) return Err{Error::not_supported};
    if (gscid_ == 0) gscid_ = TRY(tags_.take_gscid());
    TreeKind const kind{.scheme = *scheme,
                        .extensions = {.svnapot = features.svnapot, .svpbmt = features.svpbmt},
                        .user = true};
    TRY(change_tree([&](Stage2& tree) -> Result<void> {
        if (tree.exists()) return Err{Error::bad_state};
        TRY(tree.create(frames_, owner_, kind));
        root_ = tree.root();
        return {};
    }));
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
    auto debt = change_tree([&](Stage2& tree) {
        if (tree.exists()) return tree.destroy_step(done);
        return FlushDebt{frames_};
    });
    std::move(debt).pay(observers_);
    if (done) mode_ = isa::GStageMode::bare;
    return done;
}

Result<bool> Space::map_locked(Gpa at, HpaRange memory, Attributes const& how) {
    return change_tree([&](Stage2& tree) -> Result<bool> {
        if (!tree.exists()) return Err{Error::bad_state};
        auto const added = TRY(tree.map(at.raw(), memory, how));
        auto const gigabytes = ((at.raw() + (memory.size - 1)) >> 30) + 1;
        if (gigabytes > gigabytes_.load(std::memory_order_relaxed))
            gigabytes_.store(gigabytes, std::memory_order_release);
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
    return change_tree([&](Stage2& tree) -> Result<FlushDebt> {
        if (!tree.exists()) return Err{Error::bad_state};
        Stretch stretch{rest.start.raw(), rest.size};
        auto debt = tree.unmap_step(stretch);
        rest = {Gpa{stretch.start}, stretch.size};
        return debt;
    });
}

Result<FlushDebt> Space::protect_step(GpaRange& rest, isa::Permissions may, bool dirty) {
    if (!dirty) {
        // Whoever attaches an observer looks at this afterwards: one of both sees the other.
        bool const before = tells_writes_.exchange(true, std::memory_order_seq_cst);
        if (!observers_.all_mark_pages()) {
            tells_writes_.store(before, std::memory_order_seq_cst);
            return Err{Error::not_supported};
        }
    }
    return change_tree([&](Stage2& tree) -> Result<FlushDebt> {
        if (!tree.exists()) return Err{Error::bad_state};
        Stretch stretch{rest.start.raw(), rest.size};
        auto debt = tree.protect_step(stretch, may, dirty);
        rest = {Gpa{stretch.start}, stretch.size};
        return debt;
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
    return change_tree([&](Stage2& tree) -> Result<FlushDebt> {
        if (!tree.exists()) return Err{Error::bad_state};
        return tree.split(at.raw(), bytes);
    });
}

FlushDebt Space::merge(Gpa at) {
    return change_tree([&](Stage2& tree) {
        if (!tree.exists()) return FlushDebt{frames_};
        return tree.merge(at.raw());
    });
}

std::optional<Mapping> Space::lookup(Gpa at) {
    return tree_.with([&](Stage2& tree) -> std::optional<Mapping> {
        if (!tree.exists()) return std::nullopt;
        return tree.lookup(at.raw());
    });
}

u64 Space::room_around(Gpa at, GpaRange within, u64 most) {
    return tree_.with([&](Stage2& tree) -> u64 {
        if (!tree.exists()) return 0;
        return tree.room_around(at.raw(), {within.start.raw(), within.size}, most);
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
