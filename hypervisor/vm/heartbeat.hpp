// Whether another hart still serves interrupts: one hart looks after the next, now and then.
#pragma once

#include "base/types.hpp"

namespace antler::vm {

// A heartbeat is the time at which a hart last served an interrupt.  Every hart has a timer for its own
// looks, so a heartbeat that stands still from look to look is a hart that takes no interrupts.  A hart that
// serves one vCPU only has no such timer, or its guest would be interrupted by it: it beats when somebody
// needs it, and who needs it has sent an interrupt.
class HeartbeatWatch {
public:
    enum class Verdict : u8 { fine, ask, stuck, still_stuck };

    // Called every `period`.  `ask`: interrupt it.  `stuck`: it was asked and did not answer for more than a
    // second; said once, until it beats again, and `still_stuck` at the look after that.  A hart that may
    // rest is asked nothing while nobody needs it.
    [[nodiscard]] Verdict look(u64 beat, bool is_needed = true) {
        if (beat != last_) {
            last_ = beat;
            silent_looks_ = 0;
            return Verdict::fine;
        }
        if (!is_needed) {
            silent_looks_ = 0;
            return Verdict::fine;
        }
        if (beat == 0 || silent_looks_ > looks_of_a_second + 1)
            return Verdict::fine;  // not here yet, or known
        ++silent_looks_;
        if (silent_looks_ <= looks_of_a_second) return Verdict::ask;
        return silent_looks_ == looks_of_a_second + 1 ? Verdict::stuck : Verdict::still_stuck;
    }

    static constexpr u64 period_milliseconds = 400;

private:
    static constexpr u32 looks_of_a_second = 3;

    u64 last_ = 0;
    u32 silent_looks_ = 0;
};

}  // namespace antler::vm
