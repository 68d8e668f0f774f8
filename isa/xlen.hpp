// The two register widths, and fields of registers that exist in one or both.
#pragma once

#include <compare>
#include <type_traits>

#include "base/field.hpp"
#include "base/types.hpp"

namespace antler::isa {

enum class Xlen : u8 { rv32 = 32, rv64 = 64 };

template <Xlen X>
using Word = std::conditional_t<X == Xlen::rv32, u32, u64>;

template <Xlen X>
using SignedWord = std::conditional_t<X == Xlen::rv32, i32, i64>;

template <Xlen X>
inline constexpr unsigned bits = static_cast<unsigned>(X);

// The width this build runs at: the hypervisor's HSXLEN and its guests' VSXLEN. [norm:hsxlen] [norm:vsxlen]
// A layout that depends on the width is `template <Xlen X> struct HgatpOf`, and `Hgatp` means
// `HgatpOf<native>`. Hosts check the 64-bit machine unless they name the other one.
#if defined(__riscv_xlen) && __riscv_xlen == 32
inline constexpr Xlen native = Xlen::rv32;
#else
inline constexpr Xlen native = Xlen::rv64;
#endif

// A field of an XLEN-bit register.
template <Xlen X, unsigned High, unsigned Low = High,
          class T = std::conditional_t<High == Low, bool, Word<X>>>
using WordField = Field<High, Low, T, Word<X>>;

// A field that the narrow register does not have: it reads as zero and cannot be set.
template <class T, class Raw>
struct NoField {
    using type = T;
    static constexpr unsigned width = 0;
    static constexpr Raw mask = 0;
    [[nodiscard]] static constexpr T get(Raw) { return T{}; }
    [[nodiscard]] static constexpr Raw set(Raw raw, T) { return raw; }
};

template <Xlen X, unsigned High, unsigned Low = High,
          class T = std::conditional_t<High == Low, bool, Word<X>>>
using Rv64Field = std::conditional_t<X == Xlen::rv64, Field<High, Low, T, Word<X>>, NoField<T, Word<X>>>;

// get<Hgatp::vmid>(hgatp) and with<Hgatp::vmid>(hgatp, 3) for every register type `{ Raw raw; }`.
template <class F, class Register>
[[nodiscard]] constexpr typename F::type get(Register r) {
    return F::get(r.raw);
}
template <class F, class Register>
[[nodiscard]] constexpr Register with(Register r, typename F::type value) {
    r.raw = F::set(r.raw, value);
    return r;
}

static_assert(sizeof(Word<Xlen::rv32>) == 4 && sizeof(Word<Xlen::rv64>) == 8);
static_assert(Rv64Field<Xlen::rv32, 63>::set(5, true) == 5 && Rv64Field<Xlen::rv64, 63>::get(u64{1} << 63));

}  // namespace antler::isa
