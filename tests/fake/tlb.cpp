// Keeping entries.
#include "tests/fake/tlb.hpp"

namespace antler::fake {

using isa::Pte;

std::optional<u64> Tlb::read(isa::Scheme const& scheme, u64 table, u64 index) {
    auto const at = Hpa{table + index * scheme.entry_bytes};
    if (scheme.entry_bytes == 4) {
        auto const word = memory_.read32(at);
        return word ? std::optional<u64>{*word} : std::nullopt;
    }
    return memory_.read64(at);
}

void Tlb::walk_level(Entries& kept, isa::Stage const& stage, u64 address, u64 table, unsigned level,
                     std::set<u64>& seen, std::set<Outcome>& found) {
    if (!seen.insert(table << 3 | level).second) return;
    auto const& scheme = *stage.scheme;
    auto const prefix = address >> scheme.shift(level);
    if (auto const now = read(scheme, table, scheme.index(address, level))) {
        kept[{static_cast<u8>(level), prefix}].insert(*now);
        // One entry of a group, when it is read, may be kept for all sixteen.  [norm:Svnapot_cache_entries]
        Pte const pte{*now};
        if (!is_malformed(pte, level, stage.extensions) && pte.is_leaf() && pte.is_napot())
            for (u64 i = 0; i < 16; ++i) kept[{0, (prefix & ~u64{15}) + i}].insert(*now);
    } else {
        found.insert(Outcome{});  // an access fault
    }
    auto const candidates = kept[{static_cast<u8>(level), prefix}];
    for (auto const raw : candidates) {
        Pte const pte{raw};
        if (is_malformed(pte, level, stage.extensions)) {
            found.insert(Outcome{});
        } else if (pte.is_leaf()) {
            auto const bytes = isa::covered_bytes(pte, level, scheme);
            if (is_misaligned_leaf(pte, level, scheme)) {
                found.insert(Outcome{});
            } else {
                found.insert({true, Hpa{pte.target() + (address & (bytes - 1))}, pte.may(),
                              Pte::a::get(raw) != 0, Pte::d::get(raw) != 0});
            }
        } else if (level == 0) {
            found.insert(Outcome{});
        } else {
            walk_level(kept, stage, address, pte.target(), level - 1, seen, found);
        }
    }
}

std::set<Outcome> Tlb::walk(u16 space, isa::Stage const& stage, u64 address) {
    std::set<Outcome> found;
    if (!stage.scheme || !stage.scheme->reaches(address)) {
        found.insert(Outcome{});
        return found;
    }
    if (bare_.contains(space)) found.insert({true, Hpa{address}, isa::Permissions::all()});
    std::set<u64> seen;
    walk_level(kept_[space], stage, address, stage.root, stage.scheme->root_level(), seen, found);
    return found;
}

void Tlb::fence_page(u16 space, isa::Stage const& stage, u64 address) {
    auto const entries = kept_.find(space);
    if (entries == kept_.end()) return;
    auto const& scheme = *stage.scheme;
    std::optional<u64> table = stage.root;  // as memory has it now
    for (unsigned level = scheme.root_level();; --level) {
        auto const now = table ? read(scheme, *table, scheme.index(address, level)) : std::nullopt;
        bool const is_table_now = now && Pte{*now}.is_table();
        auto const at = entries->second.find({static_cast<u8>(level), address >> scheme.shift(level)});
        if (at != entries->second.end()) {
            std::erase_if(at->second, [&](u64 raw) {
                Pte const pte{raw};
                return pte.is_valid() ? pte.is_leaf() : !is_table_now;
            });
        }
        if (level == 0) return;
        table = is_table_now ? std::optional{Pte{*now}.target()} : std::nullopt;
    }
}

void Tlb::fence_from(u16 space, isa::Scheme const& scheme, u64 first) {
    auto const entries = kept_.find(space);
    if (entries == kept_.end()) return;
    std::erase_if(entries->second, [&](auto const& entry) {
        return entry.first.prefix >= first >> scheme.shift(entry.first.level);
    });
}

usize Tlb::kept() const {
    usize count = 0;
    for (auto const& [space, entries] : kept_)
        for (auto const& [where, values] : entries) count += values.size();
    return count;
}

}  // namespace antler::fake
