// Quantities with units: ticks of the time CSR, nanoseconds, and sizes in powers of two.
#pragma once

#include <compare>

#include "base/types.hpp"

namespace antler {

struct Ticks {  // of the time CSR
    u64 n{};
    friend constexpr auto operator<=>(Ticks, Ticks) = default;
    friend constexpr Ticks operator+(Ticks a, Ticks b) { return {a.n + b.n}; }
    friend constexpr Ticks operator-(Ticks a, Ticks b) { return {a.n - b.n}; }
};

struct Nanos {
    u64 n{};
    friend constexpr auto operator<=>(Nanos, Nanos) = default;
    friend constexpr Nanos operator+(Nanos a, Nanos b) { return {a.n + b.n}; }
    friend constexpr Nanos operator-(Nanos a, Nanos b) { return {a.n - b.n}; }
};

// How many ticks of the time CSR make a second.  Whole seconds and the rest are converted apart, so that
// neither direction overflows before its result does, for any timebase up to 1 GHz.
struct Timebase {
    u64 hertz{};
    [[nodiscard]] constexpr Ticks ticks(Nanos d) const {
        return {d.n / second * hertz + d.n % second * hertz / second};
    }
    [[nodiscard]] constexpr Nanos nanos(Ticks d) const {
        return {d.n / hertz * second + d.n % hertz * second / hertz};
    }

private:
    static constexpr u64 second = 1'000'000'000;
};

static_assert(Timebase{10'000'000}.ticks(Nanos{1'000}) == Ticks{10});

inline namespace sizes {
consteval u64 operator""_KiB(unsigned long long n) {
    return n << 10;
}
consteval u64 operator""_MiB(unsigned long long n) {
    return n << 20;
}
consteval u64 operator""_GiB(unsigned long long n) {
    return n << 30;
}
}  // namespace sizes

}  // namespace antler
