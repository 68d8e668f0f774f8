// Builds the pack: a flattened device tree that names the VMs, and their payloads behind it.
#pragma once

#include <string>
#include <vector>

#include "abi/pack.hpp"
#include "cli/description.hpp"
#include "cli/file.hpp"
#include "cli/image.hpp"
#include "cli/layout.hpp"

namespace antler::cli {

struct PackedVm {
    VmDescription const* description = nullptr;
    KernelImage const* kernel = nullptr;  // absent where firmware is there
    Bytes const* initramfs = nullptr;     // may be absent
    Layout layout{};
    Bytes const* firmware_code = nullptr;  // these may be absent
    Bytes const* firmware_variables = nullptr;
    std::vector<Bytes const*> ramdisks{};  // for each disk; absent for those that are not
};

// The payloads are views: what they show must live as long as the pack.
struct Pack {
    struct Payload {
        u64 offset;
        ByteView bytes;
    };
    Bytes tree{};
    std::vector<Payload> payloads{};  // by offset
    u64 size = 0;

    void write(Path const& file) const;
    [[nodiscard]] Bytes bytes() const;  // the same in memory
};

// Payloads begin at multiples of `alignment`, which is that of the format, or a page.
[[nodiscard]] Pack make_pack(HypervisorDescription const& hypervisor, std::vector<PackedVm> const& vms,
                             std::vector<SwitchDescription> const& switches = {},
                             u64 alignment = abi::pack::payload_alignment);

}  // namespace antler::cli
