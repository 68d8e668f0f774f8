// Finds modules of a Linux kernel among its packages, with everything that they depend on.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/file.hpp"
#include "cli/places.hpp"

namespace antler::cli {

struct KernelModule {
    std::string name{};  // with `_` for every `-`, as the kernel says it
    Bytes bytes{};       // unpacked
    std::vector<std::string> depends{};
    std::vector<std::string> aliases{};
};

// The folder of the newest kernel below usr/lib/modules; its name is the kernel's release.
[[nodiscard]] std::optional<Path> newest_modules(Path const& packages);

// The wanted modules that exist, each behind those that it depends on.  A module that the kernel has built in
// is not there, and not missed.
[[nodiscard]] std::vector<KernelModule> collect_modules(Path const& folder,
                                                        std::span<std::string_view const> wanted);

// The value of each `key=value` in the section .modinfo of a module; empty for what is not a module.
[[nodiscard]] std::vector<std::string> module_info(ByteView module, std::string_view key);

// modules.dep and modules.alias, as modprobe reads them; modules lie beside them, as NAME.ko.
[[nodiscard]] std::string dependency_file(std::span<KernelModule const> modules);
[[nodiscard]] std::string alias_file(std::span<KernelModule const> modules);

}  // namespace antler::cli
