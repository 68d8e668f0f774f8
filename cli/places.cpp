// Where things are.
#include "cli/places.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace antler::cli {
namespace {

Path from_environment(char const* name) {
    char const* const value = std::getenv(name);
    return value != nullptr ? Path{value} : Path{};
}

// build/host/antler lies two folders below the root.
Path above_this_program() {
    std::error_code ignored;
    auto const self = std::filesystem::read_symlink("/proc/self/exe", ignored);
    for (auto at = self.parent_path(); at.has_relative_path(); at = at.parent_path())
        if (std::filesystem::exists(at / "LAYERS", ignored)) return at;
    return std::filesystem::current_path(ignored);
}

}  // namespace

Path root_directory() {
    auto const told = from_environment("ANTLER_ROOT");
    return told.empty() ? above_this_program() : told;
}

Path cache_directory() {
    if (auto const told = from_environment("ANTLER_CACHE"); !told.empty()) return told;
    if (::geteuid() == 0) return "/var/cache/antler";
    if (auto const xdg = from_environment("XDG_CACHE_HOME"); !xdg.empty()) return xdg / "antler";
    return from_environment("HOME") / ".cache" / "antler";
}

Path build_directory() {
    auto const told = from_environment("ANTLER_BUILD");
    return told.empty() ? root_directory() / "build" : told;
}

Path hypervisor_image() {
    return build_directory() / "target" / "hypervisor.img";
}
Path hypervisor_elf() {
    return build_directory() / "target" / "hypervisor.elf";
}
Path guest_elf(std::string const& name) {
    return build_directory() / "target" / ("guest-" + name + ".elf");
}
Path guest_packages() {
    return cache_directory() / "guests" / "root";
}

Path qemu_program() {
    if (auto const told = from_environment("ANTLER_QEMU"); !told.empty()) return told;
    auto cached = cache_directory() / "bin" / "qemu-system-riscv64";
    std::error_code ignored;
    if (std::filesystem::exists(cached, ignored)) return cached;
    return find_program("qemu-system-riscv64");
}

Path find_program(std::string const& name) {
    char const* const variable = std::getenv("PATH");
    std::string_view rest = variable != nullptr ? variable : "/usr/bin:/bin";
    while (!rest.empty()) {
        auto const end = rest.find(':');
        auto const candidate = Path{rest.substr(0, end)} / name;
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    }
    return {};
}

}  // namespace antler::cli
