// One call of a guest into its supervisor execution environment, and the ways to answer it.
#pragma once

#include <array>
#include <optional>

#include "abi/sbi.hpp"
#include "base/seams.hpp"
#include "base/types.hpp"
#include "vm/vcpu.hpp"

namespace antler::sbi {

using abi::sbi::Eid;
using abi::sbi::Return;
using abi::sbi::Status;

// The registers a guest calls with.   [sbi binary-encoding]
struct Call {
    u64 extension = 0;       // a7
    u64 function = 0;        // a6
    std::array<u64, 6> a{};  // a0 to a5

    [[nodiscard]] static Call of(vm::Vcpu const& vcpu) {
        auto const& x = vcpu.x;
        return {.extension = x[17], .function = x[16], .a = {x[10], x[11], x[12], x[13], x[14], x[15]}};
    }

    // A parameter that the text declares as uint32_t: compilers sign-extend it, others may not.
    [[nodiscard]] u32 narrow(usize index) const { return static_cast<u32>(a[index]); }
};

// Every handler ends with one of these, or with a word of its own where the call does not return.
inline Next answer(vm::Vcpu& vcpu, Status status, u64 value = 0) {
    vcpu.answer({status, value});
    return Next::advance;
}
inline Next answer(vm::Vcpu& vcpu, Return result) {
    vcpu.answer(result);
    return Next::advance;
}
// Legacy extensions return one value and leave a1 alone.   [sbi ext-legacy]
inline Next answer_legacy(vm::Vcpu& vcpu, i64 value) {
    vcpu.x[10] = static_cast<u64>(value);
    return Next::advance;
}

// What an extension's function ID says, as its enum; none: no such function.
template <class Fid>
[[nodiscard]] constexpr std::optional<Fid> function_of(Call const& call, Fid last) {
    if (call.function > static_cast<u64>(last)) return std::nullopt;
    return static_cast<Fid>(call.function);
}

}  // namespace antler::sbi
