// A stubborn translation cache: it keeps every entry the manual lets it keep, until the fence that must drop
// it.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "isa/walk.hpp"
#include "tests/fake/memory.hpp"

namespace antler::fake {

// What an access may find.  An implicit read may return any entry that was there at any time since the last
// fence that subsumes its address, so there may be several. [norm:sfence_vma_ordering_semantics]
struct Outcome {
    bool translates = false;
    Hpa at{};
    isa::Permissions may{};
    bool accessed = true, dirty = true;  // as the entry has A and D
    friend auto operator<=>(Outcome const& a, Outcome const& b) {
        auto const key = [](Outcome const& o) {
            return std::tuple{o.translates,  o.at.raw(), o.may.read, o.may.write,
                              o.may.execute, o.accessed, o.dirty};
        };
        return key(a) <=> key(b);
    }
    friend bool operator==(Outcome const&, Outcome const&) = default;
};

// One kind of translation (G-stage, or the house's own) of one hart.  Address spaces have numbers: VMIDs or
// ASIDs.
class Tlb {
public:
    explicit Tlb(Memory& memory) : memory_{memory} {}

    // The hart reads all entries that a walk for the address can reach, through whatever it keeps, and keeps
    // them. It may do so at any time for any address of an active space.    [norm:sfence_vma_implicit_access]
    void speculate(u16 space, isa::Stage const& stage, u64 address) {
        static_cast<void>(walk(space, stage, address));
    }
    // Everything that an access may get.
    [[nodiscard]] std::set<Outcome> outcomes(u16 space, isa::Stage const& stage, u64 address) {
        return walk(space, stage, address);
    }

    // The same while MODE is Bare: addresses are themselves, and stay so for the number until it is fenced as
    // a whole.   [norm:hfence-gvma_mode]
    void speculate_bare(u16 space) { bare_.insert(space); }

    void fence_all() {  // [norm:sfence_vma_all_asid_va]
        kept_.clear();
        bare_.clear();
    }
    void fence_space(u16 space) {  // [norm:sfence_vma_asid_only]
        kept_.erase(space);
        bare_.erase(space);
    }
    // Only leaves that contain the address, and what was invalid and is a leaf now.  What leads to tables
    // stays, and so does a notion that there is no table where there is one now. [norm:sfence_vma_va_asid]
    void fence_page(u16 space, isa::Stage const& stage, u64 address);
    // The same in a space whose upper part is not global: all that covers addresses from `first` on.
    void fence_from(u16 space, isa::Scheme const& scheme, u64 first);

    [[nodiscard]] usize kept() const;

private:
    struct Where {
        u8 level;
        u64 prefix;  // the address without the bits that the entry translates
        friend auto operator<=>(Where const&, Where const&) = default;
    };
    using Entries = std::map<Where, std::set<u64>>;

    [[nodiscard]] std::set<Outcome> walk(u16 space, isa::Stage const& stage, u64 address);
    void walk_level(Entries& kept, isa::Stage const& stage, u64 address, u64 table, unsigned level,
                    std::set<u64>& seen, std::set<Outcome>& found);
    [[nodiscard]] std::optional<u64> read(isa::Scheme const& scheme, u64 table, u64 index);

    Memory& memory_;
    std::map<u16, Entries> kept_{};
    std::set<u16> bare_{};  // spaces whose number was Bare's since they were last fenced
};

}  // namespace antler::fake
