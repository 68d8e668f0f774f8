// `antler run FILE`: packs a machine, gives it to QEMU, and is its console until it ends.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/description.hpp"
#include "cli/places.hpp"
#include "cli/qemu.hpp"

namespace antler::cli {

struct RunOptions {
    Path file{};
    std::optional<double> timeout{};  // seconds
    std::vector<std::string> qemu_args{};
    bool print_qemu = false;
    bool detach = false;
    std::optional<std::string> name{};  // of the instance
};

// The exit code; failures are thrown.
int run_command(RunOptions const& options);

// Becomes the console of a machine that runs; its name, or empty for the only one.
int attach_command(std::string const& name);

// What the description asks of the board beyond its RAM: drives and cards.
void add_board_devices(QemuMachine& machine, Description const& description);
// What the description's [machine] asks of QEMU; kernel and initrd are left to the caller.
[[nodiscard]] QemuMachine qemu_machine(MachineDescription const& description);

}  // namespace antler::cli
