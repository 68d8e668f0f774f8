// Devices of the board's tree on loan: their registers are pages of a guest's, and their wires its sources.
#pragma once

#include "boot/lent_wires.hpp"
#include "memory/store.hpp"
#include "platform/board_device.hpp"

namespace antler::boot {

// What was lent of one, to be taken back.
struct LentBoardDevice {
    std::string_view path{};
    platform::BoardDevice of_board{};
    vm::LentDevice shown{};
    std::array<LentWire*, platform::BoardDevice::most_wires> wires{};
    usize wire_count = 0;

    [[nodiscard]] bool overlaps(platform::BoardDevice const& other) const;
};

// Why not, in a sentence; empty: nothing is in its way.
struct Refused {
    std::string_view why{};
    std::string_view neighbour{};
    Error error = Error::not_supported;
};

// The house has no use for it, and no VM has it.
[[nodiscard]] std::optional<Refused> find_lendable(System& all, std::string_view path,
                                                   platform::BoardDevice& into);
// It is among the VM's devices afterwards, or on failure perhaps some of its wires, which are taken back.
[[nodiscard]] Result<void> lend(System& all, vm::Vm& machine, memory::Store& store, LentBoardDevice& device);
// Nothing of it interrupts the VM any more, and it has forgotten what it was told.
void take_back(LentBoardDevice& device);

}  // namespace antler::boot
