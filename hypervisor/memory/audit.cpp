// Comparing a tree with the frame table.
#include "memory/audit.hpp"

#include <algorithm>

namespace antler::memory {
namespace {

bool is_held(FrameInfo const& info) {
    return info.state == FrameState::taken || info.state == FrameState::shared;
}

}  // namespace

std::optional<AuditFinding> audit(Space& space, bool complete) {
    std::optional<AuditFinding> finding;
    u64 guest_bytes = 0;
    auto& frames = space.frames();
    auto const found = [&](char const* what, u64 at, Hpa frame) {
        if (!finding) finding = {what, Gpa{at}, frame};
    };
    // Of the tree that keeps the frames.
    auto const leaf = [&](u64 start, Mapping const& mapping) {
        if (space.is_parted() && !mapping.how.dirty)
            return found("a device would fail at a leaf", start, mapping.at);
        if (mapping.how.holding == Holding::borrowed) return;
        bool const shared = mapping.how.holding == Holding::shared;
        if (shared && mapping.how.may.write) found("a shared page can be written", start, mapping.at);
        // Block by block: a leaf may lie on many, or on a part of one.
        for (auto at = mapping.at; at < mapping.at + mapping.leaf_bytes;) {
            auto const info = frames.inspect(at);
            if (!info || !is_held(*info)) return found("a leaf shows a frame that nobody holds", start, at);
            if (shared != (info->state == FrameState::shared))
                return found("a leaf and the frame table disagree about sharing", start, at);
            if (!shared && info->block.owner != space.owner())
                return found("a leaf shows a frame of another owner", start, at);
            if (!shared && info->block.pool != Pool::guest)
                return found("a leaf shows a frame of the house, perhaps a table", start, at);
            auto const end = std::min(info->block.range().end(), mapping.at + mapping.leaf_bytes);
            if (!shared && info->block.pool == Pool::guest) guest_bytes += end - at;
            at = end;
        }
    };
    auto const table = [&](Hpa at, u64) {
        auto const info = frames.inspect(at);
        if (!info || info->state != FrameState::taken || info->block.pool != Pool::house ||
            info->block.owner != space.owner())
            found("a table is not a house frame of its owner", 0, at);
    };
    space.with_trees([&](Stage2& harts, Stage2& devices) {
        if (harts.exists() && !space.is_parted()) harts.for_each(leaf, table);
        if (!harts.exists() || !devices.exists()) return;
        devices.for_each(leaf, table);
        auto const shown = [&](u64 start, Mapping const& mapping) {
            auto const kept = devices.lookup(start);
            bool const within = kept && kept->at == mapping.at &&
                                start - kept->leaf_start < kept->leaf_bytes &&
                                mapping.leaf_bytes <= kept->leaf_bytes - (start - kept->leaf_start);
            if (!within) return found("harts see what is not kept for them", start, mapping.at);
            auto how = mapping.how;
            how.dirty = true;
            if (how != kept->how)
                found("harts may do there what devices may not, or otherwise", start, mapping.at);
        };
        harts.for_each(shown, table);
    });
    // Every owned leaf lies in the owner's frames, so more leaf than frames means that one frame has two
    // leaves.
    auto const held = frames.accounting(space.owner()).guest_bytes;
    if (guest_bytes > held) found("a frame is mapped twice", 0, {});
    if (complete && guest_bytes < held) found("a frame of the owner is mapped nowhere", 0, {});
    return finding;
}

}  // namespace antler::memory
