// The machine that QEMU is asked for, as the words of its command line.
#pragma once

#include <string>
#include <vector>

#include "base/types.hpp"
#include "cli/child_process.hpp"
#include "cli/places.hpp"

namespace antler::cli {

// A drive of the board that an image file is behind.
struct QemuDrive {
    std::string serial{};
    Path file{};
    bool readonly = false;
};

// A network card of the board, at QEMU's user network: nothing listens but what is forwarded.
struct QemuUplink {
    std::vector<std::string> forward{};  // "127.0.0.1:2222:10.0.2.15:22"
};

struct QemuMachine {
    u32 harts = 1;
    u64 memory = 0;       // bytes, a multiple of 1 MiB
    std::string cpu{};    // empty: default_cpu
    std::string aia{};    // QEMU's word for -M virt,aia=; empty: the PLIC
    bool icount = false;  // an instruction is a nanosecond: every run is the same
    u32 seed = 1;         // where the board's entropy comes from then
    Path kernel{};
    Path initrd{};          // empty: none
    std::string cmdline{};  // for a kernel without a hypervisor
    Path console_file{};    // the serial port writes here and reads nothing; empty: it is a socket
    Path console_socket{};  // the serial port is at a socket of this name that QEMU makes; empty: as above
    bool wait_for_console = false;  // the machine starts when somebody has connected to it
    std::vector<QemuDrive> drives{};
    std::vector<QemuUplink> uplinks{};
    u32 spare_disks = 0;               // drives with nothing behind them yet
    Path monitor{};                    // QEMU's own control socket is here; empty: there is none
    Path control{};                    // the control channel is a socket here; empty: there is none
    bool control_serial = false;       // it is a serial port behind PCI
    std::vector<std::string> extra{};  // what the user adds, last, so that it wins
};

// RVA23 has the hypervisor extension and everything else that Antler knows.
inline constexpr char const* default_cpu = "rva23s64";

// The serial port is the socket `console_fd` that QEMU inherits.
[[nodiscard]] Arguments qemu_arguments(Path const& program, QemuMachine const& machine, int console_fd);

// As a shell takes it.
[[nodiscard]] std::string quoted(Arguments const& arguments);

// The path of QEMU, or a sentence that says how to get it.
[[nodiscard]] Path required_qemu();

}  // namespace antler::cli
