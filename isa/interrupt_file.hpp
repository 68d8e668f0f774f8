// An interrupt file of an IMSIC as a state machine, for a hart whose XLEN is 64.
#pragma once

#include <array>
#include <bit>
#include <optional>

#include "base/types.hpp"
#include "isa/imsic.hpp"

namespace antler::isa {

// A guest's file: eidelivery is 0 or 1.  Whoever shares it among harts sees to the order of accesses.
class InterruptFile {
public:
    static constexpr u32 most_words = (most_identities + 1) / 64;

    constexpr explicit InterruptFile(u32 identities = fewest_identities) : identities_{identities} {}

    [[nodiscard]] constexpr u32 identities() const { return identities_; }

    // A store of `identity` to the file's page: what it does not implement it ignores.         [aia IMSIC 5]
    constexpr void set_pending(u32 identity) {
        if (identity == 0 || identity > identities_) return;
        pending_[identity / 64] |= u64{1} << identity % 64;
    }

    // sireg with this siselect; none: an exception.  What is reserved reads as zero.       [aia IMSIC 7, 8]
    [[nodiscard]] constexpr std::optional<u64> read(u16 select) const {
        using namespace interrupt_file;
        if (!exists<Xlen::rv64>(select)) return std::nullopt;
        if (select == eidelivery) return u64{delivery_};
        if (select == eithreshold) return u64{threshold_};
        if (select < eip0) return u64{0};
        auto const index = word(select);
        return select <= eip63 ? pending_[index] : enabled_[index];
    }
    // False: an exception.
    constexpr bool write(u16 select, u64 value) {
        using namespace interrupt_file;
        if (!exists<Xlen::rv64>(select)) return false;
        if (select == eidelivery) {
            delivery_ = (value & 1) != 0;
        } else if (select == eithreshold) {
            threshold_ = static_cast<u32>(value) & threshold_mask();
        } else if (select >= eip0) {
            auto const index = word(select);
            (select <= eip63 ? pending_ : enabled_)[index] = value & implemented(index);
        }
        return true;
    }

    // topei: also while delivery is off.                                                       [aia IMSIC 9]
    [[nodiscard]] constexpr u32 top() const {
        for (u32 i = 0; i <= identities_ / 64; ++i) {
            auto const both = pending_[i] & enabled_[i];
            if (both == 0) continue;
            auto const lowest = i * 64 + static_cast<u32>(std::countr_zero(both));
            return threshold_ != 0 && lowest >= threshold_ ? 0 : lowest;
        }
        return 0;
    }
    // A write to topei: the identity that it reported is no longer pending.
    constexpr u32 claim() {
        auto const taken = top();
        if (taken != 0) pending_[taken / 64] &= ~(u64{1} << taken % 64);
        return taken;
    }
    // The wire to the hart.                                                                   [aia IMSIC 10]
    [[nodiscard]] constexpr bool signals() const { return delivery_ && top() != 0; }

    // What a file that moves brings along: pending bits that arrived elsewhere meanwhile.
    // [aia VSLevel 2.2]
    constexpr void merge_pending(u32 index, u64 arrived) {
        if (index < most_words) pending_[index] |= arrived & implemented(index);
    }

    // state(name, field) for all that a snapshot keeps; after a change restored() makes it consistent.
    void visit(auto& state) {
        state("eidelivery", delivery_);
        state("eithreshold", threshold_);
        for (auto& word : pending_) state("eip", word);
        for (auto& word : enabled_) state("eie", word);
    }
    constexpr void restored() {
        threshold_ &= threshold_mask();
        for (u32 index = 0; index < most_words; ++index) {
            pending_[index] &= implemented(index);
            enabled_[index] &= implemented(index);
        }
    }

    friend constexpr bool operator==(InterruptFile const&, InterruptFile const&) = default;

private:
    [[nodiscard]] static constexpr u32 word(u16 select) {
        return u32{static_cast<u16>(select - interrupt_file::eip0)} % 64 / 2;
    }
    // Bits that have no identity are read-only zeros.
    [[nodiscard]] constexpr u64 implemented(u32 index) const {
        if (index > identities_ / 64) return 0;
        return index == 0 ? ~u64{1} : ~u64{0};
    }
    // It holds at least 0 to N.                                                              [aia IMSIC 8.2]
    [[nodiscard]] constexpr u32 threshold_mask() const { return std::bit_ceil(identities_ + 1) - 1; }

    u32 identities_;
    bool delivery_ = false;
    u32 threshold_ = 0;
    std::array<u64, most_words> pending_{};
    std::array<u64, most_words> enabled_{};
};

}  // namespace antler::isa
