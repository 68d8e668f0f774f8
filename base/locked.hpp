// Data inside its lock: the only door is with(), and locks are taken in the order of their ranks.
#pragma once

#include <atomic>
#include <utility>

#include "base/panic.hpp"
#include "base/types.hpp"

namespace antler {

// Take downwards only; docs/locks.md has the table.
enum class Rank : u8 {
    console = 1,
    output,
    entropy,
    commands,
    fences,
    frames,
    iommus,
    packets,
    stations,
    ports,
    cards,
    disks,
    vm_memory,
    device,
    loans,
    input,
    vm_list
};

// Bits of the ranks this hart holds.  Defined by hart/ on the machine and by the test program on the host.
[[nodiscard]] u32& held_ranks();

template <class T, Rank R>
class Locked {
public:
    template <class... Arguments>
    constexpr explicit Locked(Arguments&&... arguments) : value_{std::forward<Arguments>(arguments)...} {}

    // Runs `body` with the value.  Nothing is called back while the lock is held.
    template <class Body>
    decltype(auto) with(Body&& body) {
        Guard const guard{*this};
        return std::forward<Body>(body)(value_);
    }

    // The same if nobody has it now; false: somebody has, and nothing was done.  It waits for nobody, so it
    // has no place in the order; the body takes no lock.
    template <class Body>
    [[nodiscard, gnu::always_inline]] bool try_with(Body&& body) {
        if (taken_.exchange(1, std::memory_order_acquire) != 0) return false;
        std::forward<Body>(body)(value_);
        taken_.store(0, std::memory_order_release);
        return true;
    }

private:
    struct Guard {
        explicit Guard(Locked& l) : lock{l} {
#ifndef NDEBUG
            // A held lock of the same or a lower rank means the order is broken.
            VERIFY((held_ranks() & ((bit() << 1) - 1)) == 0);
            held_ranks() |= bit();
#endif
            while (lock.taken_.exchange(1, std::memory_order_acquire) != 0) {
            }
        }
        ~Guard() {
            lock.taken_.store(0, std::memory_order_release);
#ifndef NDEBUG
            held_ranks() &= ~bit();
#endif
        }
        Guard(Guard const&) = delete;
        Guard& operator=(Guard const&) = delete;
        static constexpr u32 bit() { return u32{1} << static_cast<u8>(R); }
        Locked& lock;
    };

    // A whole word: the hart has no atomic instruction for less.  Released by ~Guard, acquired by Guard.
    std::atomic<u32> taken_ = 0;
    T value_;
};

}  // namespace antler
