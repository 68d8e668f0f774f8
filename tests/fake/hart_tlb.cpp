// Keeping what both stages said.
#include "tests/fake/hart_tlb.hpp"

#include "isa/csr_numbers.hpp"

namespace antler::fake {

using isa::Pte;

namespace {

u64 csr_of(Hart const& hart, u16 number) {
    auto const found = hart.csrs.find(number);
    return found == hart.csrs.end() ? 0 : found->second;
}

// Its pages' entries of both stages say that they were accessed and written, as nobody else would.
std::optional<isa::Stage> guest_stage(Hart const& hart) {
    auto const hgatp = HartTlb::hgatp(hart);
    auto const scheme = isa::scheme_of(isa::Hgatp::mode::get(hgatp.raw));
    if (!scheme) return std::nullopt;
    auto const all = isa::Features::all();
    return isa::Stage{scheme, hgatp.root().raw(), {all.svnapot, all.svpbmt, false}, false};
}

isa::Stage own_stage(isa::Satp satp) {
    return {isa::sv39, satp.root().raw(), {true, false, false}, false};
}

}  // namespace

isa::Hgatp HartTlb::hgatp(Hart const& hart) {
    return {csr_of(hart, isa::csr_number::hgatp)};
}
isa::Vsatp HartTlb::vsatp(Hart const& hart) {
    return {csr_of(hart, isa::csr_number::vsatp)};
}

u16 HartTlb::vmid_of(Hart const& hart) const {
    return kept_bits(isa::Hgatp::vmid::get(hgatp(hart).raw));
}

std::set<Outcome> HartTlb::own(isa::Satp satp, memory::Hva at) {
    return own_.outcomes(0, own_stage(satp), at.raw());
}
void HartTlb::fence_own_page(isa::Satp satp, memory::Hva at) {
    own_.fence_page(0, own_stage(satp), at.raw());
}

std::set<Outcome> HartTlb::outcomes(Hart const& hart, Gpa at) {
    auto const stage = guest_stage(hart);
    if (!stage) return {};
    return guest_.outcomes(vmid_of(hart), *stage, at.raw());
}

void HartTlb::walk(Hart const& hart, u64 address, u64 table, unsigned level, std::set<GuestLeaf>& found) {
    auto const& scheme = isa::sv39;
    auto& entries = kept_[{vmid_of(hart), isa::Vsatp::asid::get(vsatp(hart).raw)}];
    Where const where{level, address >> scheme.shift(level)};
    for (auto const& entry : outcomes(hart, Gpa{table + scheme.index(address, level) * scheme.entry_bytes})) {
        if (!entry.translates) {
            found.insert(GuestLeaf{});
        } else if (auto const raw = memory_.read64(entry.at)) {
            entries[where].insert(*raw);
        }
    }
    auto const candidates = entries[where];
    for (auto const raw : candidates) {
        Pte const pte{raw};
        if (!pte.is_valid() || (level == 0 && !pte.is_leaf())) {
            found.insert(GuestLeaf{});
        } else if (pte.is_leaf()) {
            found.insert({true, raw});
        } else {
            walk(hart, address, pte.target(), level - 1, found);
        }
    }
}

std::set<GuestLeaf> HartTlb::leaves(Hart const& hart, u64 address) {
    std::set<GuestLeaf> found;
    auto const root = vsatp(hart);
    if (isa::Vsatp::mode::get(root.raw) == isa::StageMode::bare || !guest_stage(hart)) return found;
    walk(hart, address, isa::Vsatp::ppn::get(root.raw) << 12, isa::sv39.root_level(), found);
    return found;
}

void HartTlb::speculate(Hart const& hart, u64 address) {
    if (!guest_stage(hart)) return guest_.speculate_bare(vmid_of(hart));
    for (auto const& leaf : leaves(hart, address))
        if (leaf.is_there) static_cast<void>(outcomes(hart, Gpa{Pte{leaf.entry}.target()}));
}

// Only leaves, and what is not there.   [norm:sfence_vma_va_asid]
void HartTlb::fence_leaves(Entries& entries, u64 address) {
    for (unsigned level = 0; level <= isa::sv39.root_level(); ++level) {
        auto const at = entries.find({level, address >> isa::sv39.shift(level)});
        if (at == entries.end()) continue;
        std::erase_if(at->second, [](u64 raw) { return !Pte{raw}.is_table(); });
    }
}

void HartTlb::execute(Hart const& hart, Fence const& fence) {
    using Kind = Fence::Kind;
    if (fence.kind == Kind::guest_physical) {
        if (!fence.identifier) return guest_.fence_all();
        auto const vmid = kept_bits(*fence.identifier);
        if (!fence.address) return guest_.fence_space(vmid);
        if (auto const stage = guest_stage(hart)) guest_.fence_page(vmid, *stage, *fence.address);
        return;
    }
    if (fence.kind == Kind::own && !fence.address) own_.fence_all();
    if (fence.kind != Kind::guest_virtual) return;
    for (auto& [space, entries] : kept_) {
        if (space.vmid != vmid_of(hart)) continue;  // [norm:hfence-vvma_limits]
        if (fence.identifier && *fence.identifier != space.asid) continue;
        if (fence.address) {
            fence_leaves(entries, *fence.address);
        } else {
            entries.clear();
        }
    }
}

}  // namespace antler::fake
