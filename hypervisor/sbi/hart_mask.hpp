// Which harts a mask and its base name.
#pragma once

#include <bit>
#include <optional>

#include "abi/sbi.hpp"
#include "base/types.hpp"
#include "vm/description.hpp"

namespace antler::sbi {

// A bit for each hart of the VM.
struct HartSet {
    u64 bits = 0;

    [[nodiscard]] constexpr bool contains(u32 id) const { return (bits >> id & 1) != 0; }
    // Calls `body` with each hart id, upwards.
    template <class Body>
    constexpr void each(Body&& body) const {
        for (u64 left = bits; left != 0; left &= left - 1) body(static_cast<u32>(std::countr_zero(left)));
    }
    friend constexpr bool operator==(HartSet, HartSet) = default;
};
static_assert(vm::max_vcpus <= 64, "a HartSet has 64 bits");

// None: at least one hart that is named does not exist.  An empty mask names nobody, wherever it begins.
// [sbi binary-encoding]
[[nodiscard]] constexpr std::optional<HartSet> harts_of(u32 count, u64 mask, u64 base) {
    if (base == abi::sbi::all_harts) return HartSet{~u64{0} >> (64 - count)};
    if (mask == 0) return HartSet{};
    if (base >= count) return std::nullopt;
    auto const room = count - base;  // 1 to 64
    if (room < 64 && mask >> room != 0) return std::nullopt;
    return HartSet{mask << base};
}

static_assert(harts_of(4, 0, abi::sbi::all_harts)->bits == 0b1111);
static_assert(harts_of(64, 5, abi::sbi::all_harts)->bits == ~u64{0});
static_assert(harts_of(4, 0b11, 2)->bits == 0b1100);
static_assert(!harts_of(4, 0b111, 2) && !harts_of(4, 1, 4) && harts_of(4, 0, 9)->bits == 0);

}  // namespace antler::sbi
