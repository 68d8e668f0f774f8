// What a pack says of a VM, as a value: a test has room for it.
#pragma once

#include "control/pack_reader.hpp"

namespace antler::fake {

[[nodiscard]] inline Result<vm::Description> described(control::Pack const& pack, u32 index) {
    vm::Description into;
    TRY(pack.describe(index, into));
    return into;
}

}  // namespace antler::fake
