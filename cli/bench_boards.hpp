// The boards that a load is measured on: with Antler and its description of the guests, or with the guest
// alone.
#pragma once

#include <string>
#include <string_view>

#include "base/units.hpp"
#include "cli/bench_runs.hpp"
#include "cli/places.hpp"
#include "cli/qemu.hpp"

namespace antler::cli {

inline constexpr u64 bench_guest_memory = 512_MiB;
inline constexpr u64 bench_board_memory = 1_GiB;
inline constexpr std::string_view bench_cmdline = "console=ttyS0 quiet rdinit=/bin/marker";

class BenchBoards {
public:
    // What a board boots is written into this folder.
    explicit BenchBoards(Path work) : work_{std::move(work)} {}

    [[nodiscard]] QemuMachine under_antler(Load const& load) const;
    [[nodiscard]] QemuMachine described(std::string const& description, u32 seed = 1) const;
    [[nodiscard]] QemuMachine natively(Load const& load) const;
    // What says when the firmware hands over to a Linux.
    [[nodiscard]] QemuMachine entry(u32 harts = 1) const;
    // The same program, as large as the kernel: to load that takes time where a program does it.
    [[nodiscard]] Path padded_entry() const;

    [[nodiscard]] static Path kernel();
    [[nodiscard]] static Path marker();    // guests/linux/marker.cpp
    [[nodiscard]] Path initramfs() const;  // its /bin/marker says when it was started

private:
    [[nodiscard]] std::string disk_description(Load const& load) const;
    [[nodiscard]] std::string one_guest(Load const& load) const;

    Path work_;
};

}  // namespace antler::cli
