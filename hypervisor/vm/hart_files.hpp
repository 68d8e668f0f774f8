// The guest interrupt files of one hart, and which vCPU has which.  Only that hart touches this.
#pragma once

#include <array>

#include "base/address.hpp"
#include "isa/csr.hpp"

namespace antler::vm {

class Vcpu;

struct HartFiles {
    static constexpr u32 most = 63;

    u32 count = 0;  // they are numbered from 1 on
    Hpa own{};      // the supervisor's file, whose page is followed by theirs
    std::array<Vcpu*, most + 1> owners{};
    std::array<u64, most + 1> loaded_at{};  // when its vCPU was loaded last, as a count of loads
    u64 loads = 0;
    u64 taken_at = 0;  // host time at which one was last taken from its vCPU
    u64 watched = 0;   // hgeie: who waits and has a file is woken by it

    [[nodiscard]] Hpa page(u32 guest) const { return own + u64{guest} * page_bytes; }
    // Zero: none.
    [[nodiscard]] u32 free() const {
        for (u32 guest = 1; guest <= count; ++guest)
            if (owners[guest] == nullptr) return guest;
        return 0;
    }
    // That of the vCPU that was not loaded for the longest time; there are some.
    [[nodiscard]] u32 idlest() const {
        u32 found = 1;
        for (u32 guest = 2; guest <= count; ++guest)
            if (loaded_at[guest] < loaded_at[found]) found = guest;
        return found;
    }
};

}  // namespace antler::vm
