// The width of a register, where the manuals say XLEN.
#pragma once

#include <type_traits>

#include "base/types.hpp"

namespace antler::isa {

enum class Xlen : u8 { rv32 = 32, rv64 = 64 };

template <Xlen X>
using Word = std::conditional_t<X == Xlen::rv64, u64, u32>;

}  // namespace antler::isa
