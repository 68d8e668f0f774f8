// The stubborn translation cache of one hart for its guests: both stages, filled by what vsatp and hgatp say,
// kept until the fence that must drop it.  A cache of both stages as one keeps nothing that is not kept here,
// as a fence of either stage drops its entries [norm:hfence-gvma_op].  And its own translations, of the house
// and the windows.
#pragma once

#include <map>
#include <set>

#include "tests/fake/hart.hpp"
#include "tests/fake/tlb.hpp"

namespace antler::fake {

// What VS-stage may give for an address: a leaf, or none (an invalid entry on the way, or a fault beneath
// it).
struct GuestLeaf {
    bool is_there = false;
    u64 entry = 0;
    friend auto operator<=>(GuestLeaf const&, GuestLeaf const&) = default;
};

class HartTlb {
public:
    HartTlb(Memory& memory, u8 vmid_bits)
        : memory_{memory}, guest_{memory}, own_{memory}, vmid_bits_{vmid_bits} {}

    // Under the registers that the hart holds now; also while the hypervisor runs, whose mode leaves vsatp
    // and hgatp active.   [norm:vs_stage_speculative_a_bit]
    [[nodiscard]] std::set<GuestLeaf> leaves(Hart const& hart, u64 address);
    [[nodiscard]] std::set<Outcome> outcomes(Hart const& hart, Gpa at);
    void speculate(Hart const& hart, u64 address);

    // What the hart may find at one of its own addresses.
    [[nodiscard]] std::set<Outcome> own(isa::Satp satp, memory::Hva at);

    void execute(Hart const& hart, Fence const& fence);
    // Windows are not global, the house is: only they go.   [norm:sfence_vma_asid_only]
    void fence_windows() { own_.fence_space(0); }
    void fence_own_page(isa::Satp satp, memory::Hva at);

    [[nodiscard]] static isa::Hgatp hgatp(Hart const& hart);
    [[nodiscard]] static isa::Vsatp vsatp(Hart const& hart);

private:
    // ASIDs are of a VMID.   [norm:asid_hart_private]
    struct Space {
        u16 vmid, asid;
        friend auto operator<=>(Space const&, Space const&) = default;
    };
    struct Where {
        unsigned level;
        u64 prefix;
        friend auto operator<=>(Where const&, Where const&) = default;
    };
    using Entries = std::map<Where, std::set<u64>>;

    void walk(Hart const& hart, u64 address, u64 table, unsigned level, std::set<GuestLeaf>& found);
    void fence_leaves(Entries& entries, u64 address);

    [[nodiscard]] u16 vmid_of(Hart const& hart) const;
    // Higher bits of a number are not there.   [norm:hgatp_vmid_lsbs]
    [[nodiscard]] u16 kept_bits(u64 vmid) const {
        return static_cast<u16>(vmid & ((u64{1} << vmid_bits_) - 1));
    }

    Memory& memory_;
    Tlb guest_;  // G-stage, by VMID
    Tlb own_;
    u8 vmid_bits_;
    std::map<Space, Entries> kept_{};
};

}  // namespace antler::fake
