// Where the memory and the bell of a channel to another VM are.
#pragma once

#include "guests/lib/device_tree.hpp"
#include "guests/lib/guest.hpp"

namespace antler::guests {

struct Channel {
    u64 memory = 0;
    u64 bytes = 0;
    u64 bell = 0;
    u32 source = 0;
};

[[nodiscard]] inline Channel find_channel() {
    auto const tree = device_tree();
    abi::FdtWalk walk{tree};
    while (walk.next()) {
        if (!walk.node().compatible("antler,channel")) continue;
        auto const registers = walk.node().property("reg");
        auto const interrupts = walk.node().property("interrupts");
        if (!registers || !interrupts) continue;
        return {registers->number_at(0, 2).value_or(0), registers->number_at(2, 2).value_or(0),
                registers->number_at(4, 2).value_or(0), interrupts->cell(0).value_or(0)};
    }
    give_up("there is no channel");
}

}  // namespace antler::guests
