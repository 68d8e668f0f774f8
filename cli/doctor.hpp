// `antler doctor`: what of all that Antler needs is here, and what the machine can do that it would run on.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/qemu.hpp"

namespace antler::cli {

struct DoctorOptions {
    std::string cpu{};  // empty: QEMU's CPU that Antler prefers
    std::string aia{};
    bool json = false;
};

// The exit code: 0 when everything that is needed is there.
int doctor_command(DoctorOptions const& options);

// What the hypervisor says at start: `antler: features: …`; or its sentence about harts without H.
struct FeatureReport {
    std::optional<std::string> features{};
    std::optional<std::string> firmware{};  // "OpenSBI v1.6"
    bool no_hypervisor_extension = false;
};
[[nodiscard]] FeatureReport parse_boot(std::string_view console);

// The line, taken apart: `sstc=yes vmid=14`.
using Features = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] Features parse_features(std::string_view line);

// "10.0.13" of what `--version` prints.
[[nodiscard]] std::string parse_qemu_version(std::string_view printed);
// That of the one that runs everything; throws Failure.
[[nodiscard]] std::string required_qemu_version();

// Whether an ISA string, as /proc/cpuinfo or a device tree has it, names the hypervisor extension.
[[nodiscard]] bool names_hypervisor_extension(std::string_view isa);

}  // namespace antler::cli
