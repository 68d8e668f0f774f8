// Pages through every change of owner and state, allowed and not, on the frames that are there.
#pragma once

#include "memory/space.hpp"

namespace antler::memory {

struct SelfTest {
    u32 transitions = 0;
    char const* wrong = nullptr;  // the first that went otherwise than it must
};

// Two owners who have nothing, before and afterwards; no hart enters their spaces.
[[nodiscard]] SelfTest self_test(Frames& frames, Tags& tags, isa::GStageMode mode,
                                 isa::Features const& features, OwnerId one, OwnerId two);

}  // namespace antler::memory
