// The machine that QEMU is asked for, as the words of its command line.
#pragma once

#include <string>
#include <vector>

#include "base/types.hpp"
#include "cli/child_process.hpp"
#include "cli/places.hpp"

namespace antler::cli {

struct QemuMachine {
    u32 harts = 1;
    u64 memory = 0;       // bytes, a multiple of 1 MiB
    std::string cpu{};    // empty: default_cpu
    std::string aia{};    // QEMU's word for -M virt,aia=; empty: the PLIC
    bool icount = false;  // an instruction is a nanosecond: every run is the same
    u32 seed = 1;         // where the board's entropy comes from then
    Path kernel{};
    Path initrd{};                     // empty: none
    std::string cmdline{};             // for a kernel without a hypervisor
    Path console_file{};               // the serial port writes here and reads nothing; empty: it is a socket
    Path control{};                    // the control channel is a socket here; empty: there is none
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
