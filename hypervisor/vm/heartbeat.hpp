// Whether another hart still serves interrupts: one hart looks after the next, now and then.
#pragma once

#include "base/types.hpp"

namespace antler::vm {

// A heartbeat is the time at which a hart last served an interrupt.  Every hart has a timer for its own
// looks, so a heartbeat that stands still from look to look is a hart that takes no interrupts.
class HeartbeatWatch {
public:
    enum class Verdict : u8 { fine, ask, locate, stuck };

    // Called every `period`.  `ask`: interrupt it.  `locate`: it was asked and does not answer, so that it
    // must be asked where it is by something stronger.  `stuck`: it has not answered for more than a second;
    // said once, until it beats again.
    [[nodiscard]] Verdict look(u64 beat) {
        if (beat != last_) {
            last_ = beat;
            silent_looks_ = 0;
            return Verdict::fine;
        }
        if (beat == 0 || silent_looks_ > looks_of_a_second) return Verdict::fine;  // not here yet, or known
        if (++silent_looks_ > looks_of_a_second) return Verdict::stuck;
        return silent_looks_ == looks_of_a_second ? Verdict::locate : Verdict::ask;
    }

    static constexpr u64 period_milliseconds = 400;

private:
    static constexpr u32 looks_of_a_second = 3;

    u64 last_ = 0;
    u32 silent_looks_ = 0;
};

}  // namespace antler::vm
