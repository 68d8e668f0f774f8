// What is run to be measured: guests, what they get, and which figures a run is believed about.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/types.hpp"

namespace antler::cli {

// What a guest is and gets; under Antler and without it the same.
struct Load {
    u32 harts = 1;
    u32 vcpus = 0;  // of the guest; none: as many as harts
    bool prefault = true;
    bool linux_kernel = false;
    u32 seed = 1;
    std::string row{};      // the only one that the guest measures; empty: all
    bool pair = false;      // two VMs that take turns
    std::string words{};    // for both of them, or for the only one
    bool network = false;   // two guests on a switch, of which one measures
    bool disk = false;      // a guest with a disk of the board
    bool messages = false;  // the board has an APLIC and IMSICs; its rows end with _msi
    bool aia = false;       // and so have the guests; its rows end with _aia
    bool traced = false;    // what counts is what QEMU writes down
    bool injects = false;   // a device of one hart's interrupts the other; what counts are exits for that
    bool no_files = false;  // harts have no interrupt files for guests
    bool counted = false;   // what counts is how often it is left
    bool balloon = false;   // the guest measures its balloon
    bool hvc = false;       // Linux' console is a virtio console
    bool pci = false;       // behind a PCI host bridge
    bool doubts = false;    // the hart does not tell the instruction: its rows end with _fetched
};

enum class Where { antler, native };

struct Run {
    std::string_view what;
    Where where;
    Load load;
    std::vector<std::string_view> rows;  // that this run is believed about
};

[[nodiscard]] std::vector<Run> const& all_runs();

}  // namespace antler::cli
