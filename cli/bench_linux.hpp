// Linux with a program of guests/linux as its first process: alone on the board, under Antler, and under KVM.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bench_boards.hpp"
#include "cli/kvm_host.hpp"
#include "cli/qemu.hpp"

namespace antler::cli {

inline constexpr unsigned equal_weight = 256;

struct LinuxGuest {
    std::string name{};
    std::string words{};   // behind those of the command line that all have
    bool disks = false;    // it has Debian's userland, which it cannot write, and a disk that it can
    bool network = false;  // it has a card; all that have one are on one switch
    unsigned weight = equal_weight;  // its part of the hart under Antler, beside those of the others
};

struct LinuxLoad {
    std::vector<LinuxGuest> guests{};  // the last one is listened to
    u32 harts = 1;
    bool exact = true;        // instructions are counted; else time passes as it does on the wall
    bool ticks_exit = false;  // under Antler the guest has no timer of its own, so that each tick is an exit
};

// `antler` with such ticks.
inline constexpr std::string_view ours_with_ticks = "antler_ticks";

class LinuxBoards {
public:
    explicit LinuxBoards(Path work) : work_{std::move(work)} {}

    [[nodiscard]] QemuMachine natively(LinuxLoad const& load) const;  // the last guest alone
    [[nodiscard]] QemuMachine under_antler(LinuxLoad const& load) const;
    // `before` is what the words of the listened-to QEMU begin with: nice, say.
    [[nodiscard]] QemuMachine under_kvm(LinuxLoad const& load, std::string_view before = {}) const;
    // By the name of a system: `native`, `antler`, `antler_ticks`, `kvm`.
    [[nodiscard]] QemuMachine on(std::string_view system, LinuxLoad load) const;

    // What it said until it ended, or until it said that; without the name of a VM before its lines.
    [[nodiscard]] static std::string run(QemuMachine const& machine, std::string_view until = {},
                                         std::string_view name = {});

    // Debian's userland, and whether it was made on this computer.
    [[nodiscard]] static Path userland();
    [[nodiscard]] static bool has_userland();

private:
    [[nodiscard]] Path initramfs() const;
    [[nodiscard]] Path scratch() const;
    [[nodiscard]] KvmGuests kvm_guests(LinuxLoad const& load, std::string_view before) const;

    Path work_;
};

}  // namespace antler::cli
