// What outlives the lives of a hostile guest: a page that it shares with its victim.
#pragma once

#include <atomic>

#include "guests/lib/channel.hpp"

namespace antler::guests {

struct Ledger {
    std::atomic<u64> lives;    // that began
    std::atomic<u64> actions;  // done in all lives
    std::atomic<u64> stuck;    // lives that did nothing for long
    std::atomic<u64> ended;    // not zero: all that was asked for is done
    std::atomic<u64> lost;     // lives that had changed their own code when nothing happened any more
};

[[nodiscard]] inline Ledger& ledger_of(Channel const& channel) {
    return *reinterpret_cast<Ledger*>(channel.memory);
}

}  // namespace antler::guests
