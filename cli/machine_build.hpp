// From a description to the two files that a board boots.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/description.hpp"
#include "cli/image.hpp"
#include "cli/layout.hpp"
#include "cli/pack.hpp"

namespace antler::cli {

// Everything that the pack is made of, read and placed, and nothing written yet.
struct PreparedVm {
    KernelImage const* kernel = nullptr;  // owned by PreparedMachine
    Bytes const* initramfs = nullptr;     // likewise; may be absent
    Layout layout{};
};
struct PreparedMachine {
    Description description{};
    std::map<std::string, std::unique_ptr<KernelImage>> kernels{};  // by path
    std::map<std::string, std::unique_ptr<Bytes>> files{};          // by path
    std::map<std::string, std::unique_ptr<Bytes>> seeds{};          // by VM
    std::vector<PreparedVm> vms{};                                  // as in the description
    Pack pack{};
};
[[nodiscard]] PreparedMachine prepare_machine(Description description,
                                              u64 alignment = abi::pack::payload_alignment);

struct BuiltMachine {
    Path image;  // the hypervisor, a RISC-V Linux Image
    Path pack;   // handed over where a Linux initrd goes
};

// Writes antler.img and machine.pack into `directory`, which is made if need be.  Each file appears whole or
// not at all.
BuiltMachine build_machine(Description const& description, Path const& directory);

}  // namespace antler::cli
