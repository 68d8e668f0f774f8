// Addresses that say whose they are: a guest's virtual, a guest's physical, the bus's own.
#pragma once

#include <compare>
#include <type_traits>

#include "base/types.hpp"

namespace antler {

template <class Space>
class Address {
public:
    constexpr Address() = default;
    constexpr explicit Address(u64 raw) : raw_{raw} {}

    [[nodiscard]] constexpr u64 raw() const { return raw_; }
    [[nodiscard]] constexpr u64 offset_in(u64 size) const { return raw_ & (size - 1); }
    [[nodiscard]] constexpr bool is_aligned(u64 size) const { return offset_in(size) == 0; }
    [[nodiscard]] constexpr Address align_down(u64 size) const { return Address{raw_ & ~(size - 1)}; }
    [[nodiscard]] constexpr Address align_up(u64 size) const {
        return Address{(raw_ + size - 1) & ~(size - 1)};
    }

    friend constexpr auto operator<=>(Address, Address) = default;
    friend constexpr Address operator+(Address at, u64 bytes) { return Address{at.raw_ + bytes}; }
    friend constexpr Address operator-(Address at, u64 bytes) { return Address{at.raw_ - bytes}; }
    friend constexpr u64 operator-(Address a, Address b) { return a.raw_ - b.raw_; }

private:
    u64 raw_{};
};

using Gva = Address<struct GuestVirtual>;   // what the guest program uses
using Gpa = Address<struct GuestPhysical>;  // what the guest kernel calls physical
using Hpa = Address<struct HostPhysical>;   // what the memory bus sees

static_assert(!std::is_constructible_v<Hpa, Gpa> && !std::is_convertible_v<u64, Gpa>);

inline constexpr u64 page_bytes = 4096;

// A half-open stretch of one address space.  `size` may be zero; the end never wraps for ranges that were
// checked.
template <class A>
struct Range {
    A start{};
    u64 size{};

    [[nodiscard]] constexpr A end() const { return start + size; }
    [[nodiscard]] constexpr bool wraps() const { return size != 0 && start.raw() + (size - 1) < start.raw(); }
    [[nodiscard]] constexpr bool contains(A at) const { return at.raw() - start.raw() < size; }
    [[nodiscard]] constexpr bool contains(A at, u64 bytes) const {
        auto const offset = at.raw() - start.raw();
        return offset <= size && bytes <= size - offset;
    }
    [[nodiscard]] constexpr bool overlaps(Range other) const {
        return size != 0 && other.size != 0 && (contains(other.start) || other.contains(start));
    }
    friend constexpr bool operator==(Range const&, Range const&) = default;
};

using GpaRange = Range<Gpa>;
using HpaRange = Range<Hpa>;

}  // namespace antler
