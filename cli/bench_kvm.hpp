// The same guests in a Linux with KVM: what a rival's exits cost on the same board.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/types.hpp"
#include "cli/bench_data.hpp"

namespace antler::cli {

// A start of the host and what it runs; its figures are of one system.
struct KvmRun {
    std::string_view what;
    std::string_view system;
    u32 harts = 1;
    bool aia = false;
    std::string_view script;
    std::vector<std::string_view> guests;  // guests/NAME of this tree
    bool linux_kernel = false;             // and Linux
    std::vector<std::string_view> rows;    // that this run is believed about
};
[[nodiscard]] std::vector<KvmRun> const& kvm_runs();

// Names that a guest gives its rows, as the table has them.
[[nodiscard]] std::string kvm_row(std::string_view guests_name);

// For a script: `boot NAME KERNEL WORDS`, and QEMU's words for the console; "$serial" is the words of a boot
// to the marker, and $harts how many there are.
[[nodiscard]] std::string_view kvm_boot_function();

// What the host says of the boots of Linux: when each came to its marker, and how often it was left.
[[nodiscard]] Figures kvm_boot_figures(std::string_view console, std::string_view system);

[[nodiscard]] Record measure_kvm(std::vector<std::string> const& wanted, std::vector<std::string>& problems);

}  // namespace antler::cli
